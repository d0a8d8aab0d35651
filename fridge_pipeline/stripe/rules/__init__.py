"""What Stripe takes and answers: limits, meter events, keys. No clock, no I/O."""
