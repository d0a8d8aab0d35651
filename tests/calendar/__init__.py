"""Laws of hours, days and months."""
