"""A month's books, evidence and explanations as data and words. No clock, no I/O."""
