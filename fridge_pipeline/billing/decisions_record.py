"""Switches that change what is billed: each setting is a decision, on record with who, when and why (law L15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import psycopg
from psycopg.rows import class_row

from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Variance
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import statement, value_of


class Subject(StrEnum):
    """What is decided about."""

    VARIANCE = "variance"  # what is done about usage far above its history
    METERS = "meters"  # which measures are billed, and as what
    DROP_READINGS = "drop_readings"  # which months of readings go


class NoReasonGivenError(ValueError):
    """A decision changes what is billed; without a reason nobody could understand it later."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One setting of a switch: who set it to what, when by the database's clock, and why."""

    subject: str
    setting: str
    reason: str
    acted_by: str
    acted_at: datetime
    os_user: str | None
    os_host: str | None


def decisions_about(connection: psycopg.Connection, subject: Subject) -> list[Decision]:
    """All that was decided about a subject, the oldest first."""
    with connection.cursor(row_factory=class_row(Decision)) as cursor:
        return cursor.execute(statement("decisions"), {"subject": subject.value}).fetchall()


def decide(database: Database, subject: Subject, setting: str, reason: str) -> None:
    """Puts a decision on record, as that of the person who is signed in.

    Raises ``NoReasonGivenError`` and ``NotEntitledError``.
    """
    if not reason.strip():
        raise NoReasonGivenError(f"say why {subject} is set to {setting}: the reason stays on record")
    with database.connect() as connection, database.acting(connection) as acting:
        _record(acting, subject, setting, reason.strip())


def variance_now(connection: psycopg.Connection, given: Variance | None) -> Variance:
    """What is done about usage far above its history: as FRIDGE_VARIANCE says, else as was decided last, else hold."""
    return given or Variance(_newest(connection, Subject.VARIANCE) or Variance.HOLD)


def keep_settings(database: Database, variance: Variance | None, catalogue: Sequence[Meter]) -> Variance:
    """Puts on record what this process bills by, where it is not what was decided last; returns the variance mode."""
    with database.connect() as connection:
        found = variance_now(connection, variance)
        _keep(
            connection,
            Subject.VARIANCE,
            found,
            Variance.HOLD,
            "FRIDGE_VARIANCE of a process that bills; no reason given",
        )
        _keep(
            connection,
            Subject.METERS,
            _said(catalogue),
            _said(CATALOGUE),
            "FRIDGE_METERS of a process that bills; no reason given",
        )
    return found


def _keep(connection: psycopg.Connection, subject: Subject, setting: str, default: str, reason: str) -> None:
    if setting != (_newest(connection, subject) or default):
        _record(connection, subject, setting, reason)


def _newest(connection: psycopg.Connection, subject: Subject) -> str | None:
    setting: str | None = value_of(connection, "newest_decision", {"subject": subject.value})
    return setting


def _record(connection: psycopg.Connection, subject: Subject, setting: str, reason: str) -> None:
    connection.execute(statement("record_decision"), {"subject": subject.value, "setting": setting, "reason": reason})


def _meaning(measure: Measure) -> str:
    return f"{measure.name}, {measure.definition}" if measure.is_declared else measure.name


def _said(catalogue: Sequence[Meter]) -> str:
    return "; ".join(
        f"{meter.event_name} = {meter.formula.value} of {_meaning(meter.measure)}, window {meter.window.value}"
        for meter in sorted(catalogue, key=lambda meter: meter.event_name)
    )
