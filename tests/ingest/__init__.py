"""Laws of landing files and readings."""
