"""The ledger of meter events: what is stated to Stripe, what is to be stated, and what is cancelled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.rules.refusal_texts import refused_at_once, refused_later
from fridge_pipeline.billing.rules.staging import StagingCase
from fridge_pipeline.billing.rules.undecided import StatedDifference
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import Aggregate, Measure
from fridge_pipeline.catalogue.meter import Formula, Meter, meter_of
from fridge_pipeline.database.queries import meters_of, span_of, statement
from fridge_pipeline.stripe.rules.limits import SUMMARY_SETTLE
from fridge_pipeline.stripe.rules.meter_event import MeterEvent, Status, first_hour_in_time


def staging_cases(
    connection: psycopg.Connection, hours: HourRange, catalogue: Sequence[Meter], former: Sequence[Meter] = ()
) -> list[StagingCase]:
    """Every (tenant, meter, hour) of the range that is not known to be settled; of former meters their own hours."""
    meters = (*catalogue, *former)
    former_names = [meter.event_name for meter in former]
    asked = {**span_of(hours), **meters_of(meters), "former": former_names}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("staging_cases"), asked).fetchall()
    return [
        StagingCase(
            tenant_id=row["tenant_id"],
            mapped_customer_id=row["mapped_customer_id"],
            hour=Hour(row["hour"]),
            meter=meter_of(row["event_name"], meters),
            value=row["value"],
            stated_value=row["stated_value"],
            stated_customer_id=row["stated_customer_id"],
            settled=row["settled"],
            latest_revision=row["latest_revision"] or 0,
            latest_value=row["latest_value"],
            latest_status=Status(row["latest_status"]) if row["latest_status"] else None,
            latest_customer_id=row["latest_customer_id"],
            refusal=_refusal(row),
            refusal_open=row["refusal_open"],
            taken_by=row["taken_by"],
            cancelling=row["cancelling"],
            closed_by=row["closed_by"],
            is_billed=row["is_billed"],
            is_former=row["event_name"] in former_names,
        )
        for row in rows
    ]


def _refusal(row: dict[str, Any]) -> str | None:
    """How and why the newest revision was refused; what Stripe said later is the reason where it did."""
    if row["latest_status"] != Status.REFUSED:
        return None
    if row["reports"] is not None:
        return refused_later(row["reports"])
    return refused_at_once(row["latest_answer"], row["latest_request_id"])


def lock_staging(connection: psycopg.Connection) -> None:
    """Waits for other stagings; held until the surrounding transaction ends."""
    connection.execute(statement("lock_staging"))


def keep_meter_turns(connection: psycopg.Connection, catalogue: tuple[Meter, ...], now: datetime) -> bool:
    """Records from which hour on another meter bills a measure, or none does; says whether any change was found."""
    parameters = {**meters_of(catalogue), "first_in_time": first_hour_in_time(now).start, "now": now}
    return connection.execute(statement("keep_meter_turns"), parameters).rowcount > 0


def former_meters(connection: psycopg.Connection, catalogue: Sequence[Meter]) -> tuple[Meter, ...]:
    """Meters that the catalogue has no more: they keep the hours of before, whether others bill their measure or none.

    How Stripe makes one number of their statements is not known any more.
    """
    rows = connection.execute(statement("former_meters"), meters_of(catalogue)).fetchall()
    return tuple(Meter(name, name, Measure(measure, Aggregate.COUNT), Formula.LAST) for name, measure in rows)


def stage_events(connection: psycopg.Connection, events: Iterable[MeterEvent], now: datetime, run_id: str) -> None:
    """Commits the intent to send (with the surrounding transaction): identifier, value, timestamp (law L4)."""
    with connection.cursor() as cursor, cursor.copy(statement("stage_meter_events")) as copy:
        for event in events:
            copy.write_row(
                (
                    event.identifier,
                    event.event_name,
                    event.tenant_id,
                    event.stripe_customer_id,
                    event.hour.start,
                    event.revision,
                    event.value,
                    event.is_difference,
                    event.timestamp,
                    Status.STAGED.value,
                    now,
                    run_id,
                )
            )


def supersede_staged(connection: psycopg.Connection, cases: Sequence[StagingCase]) -> None:
    """Takes back staged meter events that were never sent."""
    connection.execute(
        statement("supersede_staged"),
        {
            "event_names": [case.meter.event_name for case in cases],
            "tenant_ids": [case.tenant_id for case in cases],
            "hours": [case.hour.start for case in cases],
        },
    )


def supersede_removed(connection: psycopg.Connection, hours: HourRange, catalogue: tuple[Meter, ...]) -> None:
    """The same of meters that are not in the catalogue any more, for a range of hours."""
    connection.execute(
        statement("supersede_removed"), {**span_of(hours), "event_names": [meter.event_name for meter in catalogue]}
    )


def undelivered_hours(connection: psycopg.Connection, catalogue: tuple[Meter, ...], now: datetime) -> list[Hour]:
    """Hours with usage that Stripe has not been told and that no open exception accounts for.

    What is unconfirmed counts as accounted for until it is time to read Stripe back again. Compares only hours that
    have changed since they were found delivered with the same catalogue; the database marks them.
    """
    meters = meters_of(catalogue)
    with connection.transaction():
        swept = connection.execute(statement("lock_sweep")).fetchone()
        is_changed = keep_meter_turns(connection, catalogue, now)
        if is_changed or swept != (meters["event_names"], meters["measures"]):
            moments = {"first_in_time": first_hour_in_time(now).start, "now": now}
            connection.execute(statement("close_of_removed"), {**meters, **moments})
            connection.execute(statement("mark_all_hours"), meters)
        owing = meters_of((*catalogue, *former_meters(connection, catalogue)))
        rows = connection.execute(
            statement("undelivered_hours"), {**owing, "now": now, "read_again_before": now - SUMMARY_SETTLE}
        ).fetchall()
    return [Hour(row[0]) for row in rows]


@dataclass(frozen=True, slots=True)
class HourDelivery:
    """Where one hour and meter stands: how many meter events, what they add up to, and how long they took.

    See ``billing.bill.HourBill`` for the two durations, and for what is left out.
    """

    hour: Hour
    event_name: str
    undelivered: int
    left_out: int
    accepted: int
    accepted_value: int
    delivery_seconds: float | None
    seconds_after_hour: float | None


def hour_deliveries(
    connection: psycopg.Connection, hours: HourRange, tenants: Collection[str] | None = None
) -> list[HourDelivery]:
    """One row per hour and meter that the ledger knows of in a range of hours; of ``tenants``, what is undelivered."""
    parameters = {**span_of(hours), "tenants": None if tenants is None else list(tenants)}
    rows = connection.execute(statement("hour_deliveries"), parameters).fetchall()
    return [HourDelivery(Hour(row[0]), *row[1:]) for row in rows]


def stated_differences(connection: psycopg.Connection, case: StagingCase) -> list[StatedDifference]:
    """The accepted meter events that a tenant's hour consists of, the newest first."""
    parameters = {"event_name": case.meter.event_name, "tenant_id": case.tenant_id, "hour": case.hour.start}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("stated_differences"), parameters).fetchall()
    return [StatedDifference(**row) for row in rows]


def stage_cancellations(
    connection: psycopg.Connection, cancelled: Iterable[StatedDifference], now: datetime, run_id: str
) -> None:
    """Commits the intent to cancel (with the surrounding transaction), before Stripe is asked (law L4)."""
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("stage_cancellation"),
            [{"identifier": each.identifier, "now": now, "run_id": run_id} for each in cancelled],
        )
