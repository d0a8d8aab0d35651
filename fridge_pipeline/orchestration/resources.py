"""The installation as a Dagster resource: opened when a run or tick begins, closed when it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dagster as dg

from fridge_pipeline.orchestration.installation import Installation, open_installation
from fridge_pipeline.orchestration.settings import read_settings


@dg.resource(description="Database, landing zone and Stripe as the environment of the run's process says.")
def installation_resource() -> Iterator[Installation]:
    """The opened installation for the time of a run or tick."""
    with open_installation(read_settings(os.environ)) as installation:
        yield installation
