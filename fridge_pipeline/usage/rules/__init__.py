"""How readings become usage, and how usage is compared: pure."""
