"""Review: hold usage far above its tenant's own history before it is billed, and release what is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from fridge_pipeline.billing.ledger import staging_cases
from fridge_pipeline.billing.rules.staging import ChangedHour, StagingCase, StagingVerdict, changed_hour, is_gated
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import History, Meter, Variance, limit_of, stands_out
from fridge_pipeline.database.queries import meters_of, span_of, statement
from fridge_pipeline.database.run import Run
from fridge_pipeline.stripe.rules.limits import VALUE_MAX


def histories_to_judge(connection: psycopg.Connection, cases: Sequence[StagingCase]) -> dict[StagingCase, History]:
    """Case → its history, only for those whose usage may stand out from it and is not released.

    PostgreSQL leaves out the others: nearly all, so that judging many ordinary hours costs one query. It is not even
    asked about usage that cannot stand out from any history, whose hours have at least 1 each.
    """
    cases = [case for case in cases if (case.value or 0) > case.meter.tolerance.factor]
    if not cases:
        return {}
    tolerances = [case.meter.tolerance for case in cases]
    rows = connection.execute(
        statement("usage_history"),
        {
            "event_names": [case.meter.event_name for case in cases],
            "measures": [case.meter.measure.name for case in cases],
            "tenant_ids": [case.tenant_id for case in cases],
            "hours": [case.hour.start for case in cases],
            "values": [case.value for case in cases],
            "factors": [tolerance.factor for tolerance in tolerances],
            "hours_max": [tolerance.hours for tolerance in tolerances],
            "hours_min": [tolerance.hours_min for tolerance in tolerances],
        },
    ).fetchall()
    return {cases[number]: History(*figures) for number, *figures in rows}


def held_usage(
    connection: psycopg.Connection, tenant_id: str, hour: Hour, catalogue: tuple[Meter, ...]
) -> dict[str, int]:
    """Event name → usage, of the meters that are held for review in a tenant's hour."""
    parameters = {**meters_of(catalogue), "tenant_id": tenant_id, "hour": hour.start}
    return dict(connection.execute(statement("held_usage"), parameters).fetchall())


#: Hour, tenant and meter.
CaseKey = tuple[Hour, str, str]


def case_key(case: StagingCase) -> CaseKey:
    """By what a case is found again."""
    return case.hour, case.tenant_id, case.meter.event_name


def held_before(connection: psycopg.Connection, hours: HourRange) -> set[CaseKey]:
    """What is held for review in a range of hours since an earlier run."""
    rows = connection.execute(statement("held_for_review"), span_of(hours)).fetchall()
    return {(Hour(hour), tenant_id, event_name) for tenant_id, hour, event_name in rows}


def record_release(connection: psycopg.Connection, release: Release) -> None:
    """Records that usage up to these values is to be billed, which can be neither edited nor deleted."""
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("record_release"),
            [
                {
                    "tenant_id": release.tenant_id,
                    "hour": release.hour.start,
                    "event_name": event_name,
                    "value": value,
                    "released_by": release.released_by,
                    "reason": release.reason,
                    "now": release.released_at,
                }
                for event_name, value in release.released.items()
            ],
        )


class NothingHeldError(LookupError):
    """Nothing of this tenant, hour and meter is held for review."""


class UnsignedReleaseError(ValueError):
    """A release says who decided it, and why; without that nobody could understand it later."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """Usage far above its history, or, without one, more than Stripe takes."""

    case: StagingCase
    history: History | None = None

    @property
    def key(self) -> CaseKey:
        """Hour, tenant and meter: the same when it is found again."""
        return case_key(self.case)

    def __str__(self) -> str:
        """The usage beside what its tenant is used to."""
        case, history = self.case, self.history
        already = f", of which Stripe has {case.stated_value}" if case.stated_value is not None else ""
        if history is None:
            return f"{case.value} {case.meter.event_name}{already}: more than the 15 digits that Stripe takes"
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
    waits_for_another: bool = False  # somebody else has to release as much, before any of it is billed


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
    run: Run, tenant_id: str, hour: Hour, event_name: str | None, released_by: str, reason: str
) -> Release:
    """Releases what is held of a tenant's hour, of one meter or of all: its usage as it is now, and not more.

    The next sweep bills it; what is more than one person may release, once a second one has released it too. Raises
    ``NothingHeldError``, ``UnsignedReleaseError`` and ``NotEntitledError``.
    """
    if not released_by.strip() or not reason.strip():
        raise UnsignedReleaseError(f"say who releases {tenant_id} in {hour}, and why: both stay on record")
    with run.database.connect() as connection:
        released = _held(connection, run, tenant_id, hour, event_name)
        release = Release(tenant_id, hour, released, released_by.strip(), reason.strip(), run.clock())
        with run.database.acting(connection) as acting:
            record_release(acting, release)
        effective = connection.execute(
            statement("effective_releases"), {"tenant_id": tenant_id, "hour": hour.start}
        ).fetchall()
    return replace(release, waits_for_another=not released.items() <= set(effective))


def changes_of_release(run: Run, tenant_id: str, hour: Hour, event_name: str | None) -> list[ChangedHour]:
    """What a release of a tenant's hour would tell Stripe, of one meter or of all; releases nothing.

    Raises ``NothingHeldError``.
    """
    with run.database.connect() as connection:
        held = _held(connection, run, tenant_id, hour, event_name)
        cases = staging_cases(connection, HourRange(hour, hour), run.catalogue)
        return [changed_hour(case) for case in cases if case.tenant_id == tenant_id and case.meter.event_name in held]


def _held(
    connection: psycopg.Connection, run: Run, tenant_id: str, hour: Hour, event_name: str | None
) -> dict[str, int]:
    held = held_usage(connection, tenant_id, hour, run.catalogue)
    chosen = {name: value for name, value in held.items() if event_name in {None, name} and value <= VALUE_MAX}
    if not chosen:
        others = f"; held there: {', '.join(sorted(held))}" if held else ""
        if any(value > VALUE_MAX for value in held.values()):
            others += " (more than Stripe takes: withdraw the file)"
        what = f" {event_name}" if event_name else ""
        raise NothingHeldError(
            f"no{what} usage of tenant {tenant_id!r} in {hour} is held for review{others}. "
            f"fridge explain '{tenant_id}' {hour} shows where it stands."
        )
    return chosen
