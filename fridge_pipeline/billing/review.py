"""Review: hold usage far above its tenant's own history before it is billed, and release what was held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from fridge_pipeline.billing.releases import held_usage, record_release
from fridge_pipeline.billing.rules.staging import StagingCase, StagingVerdict, is_gated
from fridge_pipeline.billing.usage_history import histories_to_judge
from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.catalogue.variance import History, Variance, limit_of, stands_out
from fridge_pipeline.database.connection import Database


class NothingHeldError(LookupError):
    """Nothing of this tenant, hour and meter is held for review."""


class UnsignedReleaseError(ValueError):
    """A release says who decided it, and why; without that nobody could understand it later."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """Usage far above its history."""

    case: StagingCase
    history: History

    def __str__(self) -> str:
        """The usage beside what its tenant is used to."""
        case, history = self.case, self.history
        already = f", of which Stripe has {case.stated_value}" if case.stated_value is not None else ""
        limit = limit_of(history, case.meter.tolerance) or 0
        return (
            f"{case.value} {case.meter.event_name}{already}: far above this tenant's own history. In the "
            f"{history.hours} hours with usage before, the median is {history.median:g}, and up to {limit:.0f} passes"
        )


@dataclass(frozen=True, slots=True)
class Release:
    """What was released of a tenant's hour: event name → usage."""

    tenant_id: str
    hour: Hour
    released: dict[str, int]
    released_by: str
    reason: str
    released_at: datetime


def find_outliers(
    connection: psycopg.Connection, judged: Sequence[tuple[StagingCase, StagingVerdict]], variance: Variance
) -> list[Outlier]:
    """Which of the cases that would bill something new stand out from their history; one query for all of them."""
    if variance is Variance.OFF:
        return []
    histories = histories_to_judge(connection, [case for case, verdict in judged if is_gated(case, verdict)])
    return [
        Outlier(case, history)
        for case, history in histories.items()
        if stands_out(case.value or 0, history, case.meter.tolerance)
    ]


def release_usage(
    database: Database,
    tenant_id: str,
    hour: Hour,
    event_name: str | None,
    catalogue: tuple[Meter, ...],
    released_by: str,
    reason: str,
    clock: Callable[[], datetime],
) -> Release:
    """Releases what is held of a tenant's hour, of one meter or of all: its usage as it is now, and not more.

    The next sweep bills it. Raises ``NothingHeldError`` and ``UnsignedReleaseError``.
    """
    if not released_by.strip() or not reason.strip():
        raise UnsignedReleaseError(f"say who releases {tenant_id} in {hour}, and why: both stay on record")
    with database.connect() as connection, connection.transaction():
        held = held_usage(connection, tenant_id, hour, catalogue)
        released = {name: value for name, value in held.items() if event_name in {None, name}}
        if not released:
            others = f"; held there: {', '.join(sorted(held))}" if held else ""
            what = f" {event_name}" if event_name else ""
            raise NothingHeldError(
                f"no{what} usage of tenant {tenant_id!r} in {hour} is held for review{others}. "
                f"fridge explain '{tenant_id}' {hour} shows where it stands."
            )
        now = clock()
        for name, value in released.items():
            record_release(connection, tenant_id, hour, name, value, released_by.strip(), reason.strip(), now)
    return Release(tenant_id, hour, released, released_by.strip(), reason.strip(), now)
