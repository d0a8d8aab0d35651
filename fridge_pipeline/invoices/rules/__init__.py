"""Billing periods, their comparison and what a quantity costs. No clock, no I/O."""
