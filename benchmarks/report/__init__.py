"""What is shown: a table for people, a record in JSON, a picture."""
