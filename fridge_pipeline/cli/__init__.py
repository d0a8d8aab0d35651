"""The command line ``fridge``."""
