"""What the words mean: hours, readings, usage, meters, meter events. No clock, no I/O."""
