"""Laws of the landing zone: listing it, copying a file, reading every row of every format."""
