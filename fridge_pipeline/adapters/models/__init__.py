"""The SQL models as files: what they say, what they read, and where their columns come from."""
