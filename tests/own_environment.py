"""The environment of what tests, chaos, benchmarks and scale-out start: nothing of the developer's own installation."""

from __future__ import annotations

import os

#: What an installation, its libraries and its launchers read.
FOREIGN_VARIABLES = ("FRIDGE_", "STRIPE_", "DAGSTER_", "CELERY_", "PG", "AWS_")


def own_environment() -> dict[str, str]:
    """The variables of this process without those."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_VARIABLES)}
