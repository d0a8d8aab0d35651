"""Stripe through its own SDK: meter events out, answers and meters in."""
