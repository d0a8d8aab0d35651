"""The tests: laws of the whole house, each a sentence that could be false."""
