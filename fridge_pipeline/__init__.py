"""Usage billing for sensor data: landing files, stored readings, usage, Stripe meter events."""
