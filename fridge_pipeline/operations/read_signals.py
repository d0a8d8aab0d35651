"""Read: what the books and Dagster's database say of an installation now; bounded in time, and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from fridge_pipeline.billing.hour_states import Delivery, hour_states
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour, plan_ranges
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database, DatabaseUnreachableError
from fridge_pipeline.database.queries import meters_of, statement, value_of
from fridge_pipeline.invoices.plan_holds import metered_drafts
from fridge_pipeline.operations.rules.signals import CALLS_WINDOW, DONE_WINDOW, Sample
from fridge_pipeline.stripe.rules import limits
from fridge_pipeline.stripe.rules.answer import Outcome
from fridge_pipeline.stripe.rules.api_key import CALLS_PER_SECOND

#: All statements of a scrape together: Prometheus gives it up after ten seconds unless it is told otherwise.
SCRAPE_SECONDS_MAX = 8.0

#: The answer of an attempt whose process died before one came; the others are ``Outcome``'s.
LOST = "lost"


@dataclass(frozen=True, slots=True)
class Observed:
    """An installation to be looked at: its two databases, and what its settings say of it.

    ``calls_max`` and ``reads_max`` bound the calls to Stripe per second and the reads in 30 days; without the first it
    is what Stripe allows the kind of key that was used last.
    """

    books: Database
    dagster: Database
    catalogue: tuple[Meter, ...]
    close_after: timedelta
    calls_max: float | None
    reads_max: int

    def values(self, now: datetime) -> dict[str, Any]:
        """What the statements take."""
        return {
            **meters_of(self.catalogue),
            "now": now,
            "calls_since": now - CALLS_WINDOW,
            "done_since": now - DONE_WINDOW,
            "reads_since": now - limits.READS_MONTH,
            "calls_max": self.calls_max,
            "reads_max": self.reads_max,
            "modes": [mode.value for mode in CALLS_PER_SECOND],
            "limits": list(CALLS_PER_SECOND.values()),
            "outcomes": [*(outcome.value for outcome in Outcome), LOST],
        }


def read_signals(observed: Observed, clock: Callable[[], datetime]) -> list[Sample]:
    """Everything that can be read now. A part that cannot is left out, and said to be: nothing of it becomes 0."""
    found: list[Sample] = []
    deadline = time.monotonic() + SCRAPE_SECONDS_MAX
    for database, parts in ((observed.books, BOOKS), (observed.dagster, DAGSTER)):
        read: dict[str, list[Sample]] = {}
        try:
            with database.read_only().connect() as connection:
                for part, look in parts.items():
                    samples = _bounded(connection, look, observed, clock(), deadline)
                    read |= {part: samples} if samples is not None else {}
        except DatabaseUnreachableError:
            pass  # what was not read is said below
        found += [sample for part in read.values() for sample in part]
        found += [Sample("part_was_read", (part,), float(part in read)) for part in parts]
    return found


ReadSamples = Callable[[psycopg.Connection, Observed, datetime], Iterable[Sample]]


def _bounded(
    connection: psycopg.Connection, read: ReadSamples, observed: Observed, now: datetime, deadline: float
) -> list[Sample] | None:
    """What a part says; ``None`` when the time is over, or when a table is not there, as before a migration."""
    milliseconds = int((deadline - time.monotonic()) * 1000)
    if milliseconds <= 0:
        return None
    try:
        connection.execute(statement("bound_signals"), {"milliseconds": str(milliseconds)})
        return list(read(connection, observed, now))
    except psycopg.Error:
        if connection.broken:
            raise
        return None


def _queried(name: str) -> ReadSamples:
    """What a statement gives, row by row: name, labels and value."""

    def read(connection: psycopg.Connection, observed: Observed, now: datetime) -> Iterator[Sample]:
        for signal, labels, value in connection.execute(statement(name), observed.values(now)).fetchall():
            yield Sample(signal, tuple(labels), value)

    return read


def _hours(connection: psycopg.Connection, observed: Observed, now: datetime) -> Iterator[Sample]:
    """By the same rule as ``fridge hours --undelivered``, in those hours that something has changed about."""
    changed = sorted(Hour(hour) for (hour,) in connection.execute(statement("hours_to_look_at")).fetchall())
    undelivered = [
        Hour(state.hour)
        for hours in (plan_ranges(changed) if changed else ())
        for state in hour_states(connection, hours, observed.catalogue)
        if state.delivery is Delivery.UNDELIVERED and Hour(state.hour).closed_at(now, observed.close_after)
    ]
    yield Sample("undelivered_hours", (), len(undelivered))
    if undelivered:
        age = now - (min(undelivered).start + ONE_HOUR)
        yield Sample("oldest_unbilled_hour_age_seconds", ("pipeline",), age.total_seconds())


def _drafts(connection: psycopg.Connection, observed: Observed, now: datetime) -> Iterator[Sample]:
    """Nothing while no invoices were read: then nobody knows whether there are drafts."""
    if not value_of(connection, "invoices_were_read"):
        return
    drafts = metered_drafts(connection, observed.catalogue, (), now)
    at_risk = [draft.invoice_id for draft in drafts if draft.waits_for is not None]
    yield Sample("drafts", (), len(drafts))
    yield Sample("drafts_at_risk", (), len(at_risk))
    final_at = value_of(connection, "drafts_become_final", {"invoice_ids": at_risk})
    if final_at is not None:
        yield Sample("draft_at_risk_final_seconds", (), (final_at - now).total_seconds())


#: Part → how it is looked at. Each by itself: one that takes too long hides no other before it.
BOOKS: Mapping[str, ReadSamples] = {
    "exceptions": _queried("signals_of_exceptions"),
    "calls": _queried("signals_of_calls"),
    "reads": _queried("signals_of_reads"),
    "files": _queried("signals_of_files"),
    "books": _queried("signals_of_books"),
    "hours": _hours,
    "drafts": _drafts,
}
DAGSTER: Mapping[str, ReadSamples] = {
    "dagster": _queried("signals_of_dagster"),
    "switches": _queried("signals_of_switches"),
}
