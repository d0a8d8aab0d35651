"""The landing zone: listing landing files, taking a private copy of one, and reading its rows."""
