"""Object stores, S3 and all that speaks like it: opened in one way, refused in one line, and what is archived there."""
