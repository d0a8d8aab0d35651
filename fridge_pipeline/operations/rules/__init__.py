"""What is worth an alert, what a health check says. No clock, no I/O."""
