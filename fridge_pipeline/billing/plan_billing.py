"""Plan: what billing a range of hours would tell Stripe, before anything is loaded, written or sent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg

from fridge_pipeline.billing.books_beside_files import hours_with_history
from fridge_pipeline.billing.hour_states import Delivery, hour_states
from fridge_pipeline.billing.ledger import former_meters
from fridge_pipeline.billing.rules.staging import (
    STATES,
    ChangedHour,
    StagingCase,
    StagingPolicy,
    StagingVerdict,
    changed_hour,
)
from fridge_pipeline.billing.stage import judge_hours
from fridge_pipeline.calendar.hours import Hour, HourRange, plan_ranges
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.database.queries import span_of, statement
from fridge_pipeline.database.run import Run
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.watch import compare_listing


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What one tenant's usage of a meter would change from and to, over the hours that change."""

    tenant_id: str
    meter: str
    hours: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class BillingPlan:
    """What a range of hours would come to, by the books as they are now.

    ``to_load`` are hours whose landing files are not loaded as they lie there: what they hold is not known before it
    is loaded, so the changes are those of all other files. ``to_count`` says of measures in how many loaded hours they
    are not counted yet, which the changes leave out as well. ``undelivered`` are closed hours of which Stripe has not
    been told all that is loaded. ``waiting`` counts, by verdict, usage that would not be stated, and why. ``seconds``
    is how long the calls take at the limit of calls per second. ``changed_hours`` are what ``changes`` sums up.
    """

    hours: list[Hour]
    runs: list[HourRange]
    to_load: list[Hour]
    to_count: dict[str, int]
    undelivered: list[Hour]
    changing: list[Hour]
    changes: list[PlannedChange]
    waiting: dict[str, int]
    calls: int
    seconds: float
    changed_hours: list[ChangedHour]


def plan_billing(
    run: Run, zone: LandingZone, hours: HourRange, policy: StagingPolicy, calls_per_second: float
) -> BillingPlan:
    """Looks at a range of hours and changes nothing: the database refuses every write on these connections."""
    with run.database.read_only().connect() as connection:
        listed = zone.hours()
        news = compare_listing(connection, listed, hours)
        busy = busy_hours(connection, listed, hours)
        states = hour_states(connection, hours, run.catalogue)
        undelivered = [Hour(state.hour) for state in states if state.delivery is Delivery.UNDELIVERED]
        to_count = _to_count(connection, hours, [meter.measure for meter in run.catalogue])
        former = former_meters(connection, run.catalogue)
        judged = judge_hours(connection, hours, run.catalogue, former, policy, run.clock()).cases
    stated = [case for case, verdict in judged if verdict in STATES]
    unstated = Counter(verdict.value for _, verdict in judged if verdict not in STATES | {StagingVerdict.SETTLED})
    return BillingPlan(
        hours=busy,
        runs=plan_ranges(busy),
        to_load=sorted(news.pending),
        to_count=to_count,
        undelivered=[hour for hour in undelivered if hour.closed_at(run.clock(), policy.close_after)],
        changing=sorted({case.hour for case in stated}),
        changes=_changes(stated),
        waiting=dict(sorted(unstated.items())),
        calls=len(stated),
        seconds=len(stated) / calls_per_second,
        changed_hours=[changed_hour(case) for case in stated],
    )


def busy_hours(connection: psycopg.Connection, listed: Iterable[Hour], hours: HourRange) -> list[Hour]:
    """Hours of a range with landing files or with history; the others hold nothing to run."""
    delivered = [hour for hour in listed if hours.first <= hour <= hours.last]
    return sorted({*delivered, *hours_with_history(connection, hours)})


def _to_count(connection: psycopg.Connection, hours: HourRange, measures: Sequence[Measure]) -> dict[str, int]:
    named = {"measures": [each.name for each in measures], "counted_from": [each.counted_from for each in measures]}
    return dict(connection.execute(statement("hours_to_count_by_measure"), {**span_of(hours), **named}).fetchall())


def _changes(stated: list[StagingCase]) -> list[PlannedChange]:
    by_account: dict[tuple[str, str], list[StagingCase]] = defaultdict(list)
    for case in stated:
        by_account[case.tenant_id, case.meter.event_name].append(case)
    return [
        PlannedChange(
            tenant_id=tenant_id,
            meter=meter,
            hours=len(cases),
            before=sum(case.stated_value or 0 for case in cases),
            after=sum((case.stated_value or 0) + case.change for case in cases),
        )
        for (tenant_id, meter), cases in sorted(by_account.items())
    ]
