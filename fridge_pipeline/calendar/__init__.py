"""UTC hours, days and months, and ranges of them. Pure; knows nothing of this project."""
