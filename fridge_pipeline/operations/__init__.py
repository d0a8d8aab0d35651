"""Keeping an installation well: alerts, health checks, the canary, retention."""
