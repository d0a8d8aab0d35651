"""Keeping an installation well: alerts, the doctor's findings, the canary, retention."""
