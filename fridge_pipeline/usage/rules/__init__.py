"""How usage is counted from readings. No clock, no I/O."""
