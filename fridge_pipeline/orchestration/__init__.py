"""Dagster: assets, sensor, schedule, resources. The only reader of clock and environment."""
