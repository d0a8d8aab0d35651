"""Why totals differ. No clock, no I/O."""
