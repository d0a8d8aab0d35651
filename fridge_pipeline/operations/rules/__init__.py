"""What is worth an alert or a finding, and what it says. No clock, no I/O."""
