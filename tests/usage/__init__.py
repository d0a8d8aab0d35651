"""Laws of counting."""
