"""Run: what all steps of one run share, and its failpoints: where a test lets the process die."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database


class Failpoint(StrEnum):
    """What has just become true."""

    FILES_LOADED = "files_loaded"  # some landing files with their counts are committed
    USAGE_WRITTEN = "usage_written"  # the usage of a portion of the range is committed
    STAGED = "staged"  # the intent is committed, nothing is sent
    MARKED_SENT = "marked_sent"  # committed that these are being sent; not a byte has left
    ANSWERED = "answered"  # Stripe has executed one call; its answer is in memory only
    RECEIPTS_WRITTEN = "receipts_written"  # the answers are committed
    READ_BACK = "read_back"  # Stripe's total is read, nothing is committed
    READ_BACK_WRITTEN = "read_back_written"  # what the reading decided is committed
    HOLD_INTENDED = "hold_intended"  # that a draft is to be held, or let go, is committed; not a byte has left
    HOLD_ANSWERED = "hold_answered"  # Stripe has rescheduled the draft; its answer is in memory only
    HOLD_WRITTEN = "hold_written"  # what came of it is committed


#: Called at every failpoint. What it raises ends the step right there, as a killed process does.
AtFailpoint = Callable[[Failpoint], None]


def pass_by(_failpoint: Failpoint) -> None:
    """What happens at a failpoint in production: nothing."""


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
