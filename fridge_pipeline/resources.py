"""The installation as a Dagster resource: opened when a run or tick begins, closed when it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator

import dagster as dg

from fridge_pipeline.database.program import program_identity, record_run
from fridge_pipeline.installation import Installation, open_installation
from fridge_pipeline.settings import MODELS_FOLDER, read_settings


@dg.resource(description="Database, landing zone and Stripe as the environment of the run's process says.")
def installation_resource(context: dg.InitResourceContext) -> Iterator[Installation]:
    """The opened installation for the time of a run or tick; a run puts on record which code it is."""
    with open_installation(read_settings(os.environ)) as installation:
        installation.require_agreed_start()
        if context.run is not None:
            program = program_identity(MODELS_FOLDER)
            with installation.database.connect() as connection:
                record_run(
                    connection, context.run.run_id, program["version"], program["source_sha256"], installation.clock()
                )
        yield installation
