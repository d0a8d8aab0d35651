"""Laws of the domain: pure rules, no clock, no disk."""
