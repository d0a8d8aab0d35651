"""The books, the landing zone and Stripe as Dagster resources: an asset's signature shows which of them it touches.

Each is opened when a run or tick that asks for it begins, and closed when it ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import dagster as dg

from fridge_pipeline.database.kept_sessions import kept_sessions
from fridge_pipeline.database.program import program_identity, record_run
from fridge_pipeline.installation import Landing, Ledger, Stripe, open_ledger, open_stripe
from fridge_pipeline.orchestration.attribution import launched_by
from fridge_pipeline.settings import MODELS_FOLDER, read_settings

#: Which code a run worked with, in the UI; the books know it as well.
COMMIT_TAG = "fridge/commit"


@dg.resource(description="Database, settings and clock as the environment of the run's process says.")
def ledger(context: dg.InitResourceContext) -> Iterator[Ledger]:
    """The opened books; a run puts on record which code it is."""
    with open_ledger(read_settings(os.environ)) as opened, kept_sessions():
        opened.require_agreed_start()
        if context.run is not None:
            program = program_identity(MODELS_FOLDER)
            run_id, who = context.run.run_id, launched_by(context.run.tags)
            if context.instance is not None:
                context.instance.add_run_tags(run_id, {COMMIT_TAG: program["commit"]})
            with opened.database.connect() as connection:
                record_run(connection, run_id, program, who, opened.clock())
        yield opened


@dg.resource(required_resource_keys={"ledger"}, description="The landing zone; opened when it is looked at.")
def landing(context: dg.InitResourceContext) -> Landing:
    """Where gateways deliver."""
    return Landing(context.resources.ledger)


@dg.resource(required_resource_keys={"ledger"}, description="Stripe; opened at the first call.")
def stripe(context: dg.InitResourceContext) -> Iterator[Stripe]:
    """Ingestion, counting and the models never ask for it (law L9)."""
    with open_stripe(context.resources.ledger) as opened:
        yield opened


RESOURCES = {"ledger": ledger, "landing": landing, "stripe": stripe}
