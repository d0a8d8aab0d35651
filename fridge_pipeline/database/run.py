"""Run: what all steps of one run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.failpoints import AtFailpoint, pass_by


@dataclass(frozen=True, slots=True)
class Run:
    """Whose books are worked on, for which meters, and at what time.

    ``run_id`` stands in the rows that are written: Dagster's id of the run, or the name of the command.
    """

    database: Database
    catalogue: tuple[Meter, ...]
    clock: Callable[[], datetime]
    run_id: str
    at_failpoint: AtFailpoint = pass_by
