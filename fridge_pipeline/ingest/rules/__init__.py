"""What a landing file, a reading and a rejection are. No clock, no I/O."""
