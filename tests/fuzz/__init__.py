"""Mutated landing files through the real loader into a real database: `make fuzz N=100000 SEED=1`."""
