"""What is stated, what waits and why. No clock, no I/O."""
