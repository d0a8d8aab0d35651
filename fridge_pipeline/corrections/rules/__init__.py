"""What may be settled and what may be corrected, and by how much. No clock, no I/O."""
