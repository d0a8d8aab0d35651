"""The assets: each reads its arguments, calls one step and reports numbers."""
