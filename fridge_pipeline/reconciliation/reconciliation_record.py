"""Reconciliation in the books: who is to be read, what our side says, and the rows that come of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

import psycopg
from psycopg.rows import class_row, dict_row

from fridge_pipeline.billing.ledger import former_meters
from fridge_pipeline.calendar.days import DayRange
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.queries import meters_of, span_of, statement
from fridge_pipeline.reconciliation.rules.causes import (
    FOR_A_PERSON,
    NOT_STATED,
    PASSING,
    BookedHour,
    ComparedHour,
)
from fridge_pipeline.reconciliation.rules.reading_plan import RangeRead, range_to_read
from fridge_pipeline.reconciliation.rules.side_by_side import Row


@dataclass(frozen=True, slots=True)
class Account:
    """One tenant and meter with the Stripe customers whose totals are to be read for it; most have one.

    ``is_removed``: the catalogue has the meter no more, so only what was stated of it is compared.
    """

    tenant_id: str
    meter: Meter
    customer_ids: tuple[str, ...]
    is_removed: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and event name, which name it."""
        return self.tenant_id, self.meter.event_name


@dataclass(frozen=True, slots=True)
class AccountWithoutUsage:
    """A mapped customer and meter of which we have no usage, and stated none, in some days.

    ``last_used`` is the last day before them of which usage is known, ``newest`` what was read of it last.
    """

    account: Account
    last_used: date | None
    newest: RangeRead | None


@dataclass(frozen=True, slots=True)
class ReconciledDay:
    """What one day came to: accounts (a tenant, meter and customer), those that agree, and those of each cause."""

    day: date
    accounts: int
    compared: int
    agreeing: int
    not_read: int
    causes: dict[str, int]


@dataclass(frozen=True, slots=True)
class UnexplainedHour:
    """An hour that nobody can explain, with its three numbers."""

    hour: datetime
    tenant_id: str
    event_name: str
    stripe_customer_id: str | None
    usage_value: int | None
    ledger_value: int | None
    stripe_value: Decimal | None
    difference: Decimal
    cause: str


def accounts_to_read(connection: psycopg.Connection, days: DayRange, catalogue: tuple[Meter, ...]) -> list[Account]:
    """Who had usage or was stated usage in these days; whoever was not read for the longest time comes first.

    Also what was stated to meters that the catalogue had before: Stripe may still bill them.
    """
    removed = former_meters(connection, catalogue)
    meters = {meter.event_name: meter for meter in (*catalogue, *removed)}
    rows = connection.execute(
        statement("reconciliation_accounts"),
        {
            **span_of(days.hours),
            **_days(days),
            **meters_of(catalogue),
            "stated_names": list(meters),
        },
    ).fetchall()
    customers: dict[tuple[str, str], list[str]] = {}
    for tenant_id, event_name, customer_id, _last_read_at in rows:
        known = customers.setdefault((tenant_id, event_name), [])
        known += [customer_id] if customer_id is not None else []
    return [
        Account(tenant, meters[event_name], tuple(ids), is_removed=meters[event_name] in removed)
        for (tenant, event_name), ids in customers.items()
    ]


def _stated_names(connection: psycopg.Connection, catalogue: tuple[Meter, ...]) -> list[str]:
    former = former_meters(connection, catalogue)
    return [meter.event_name for meter in (*catalogue, *former)]


def accounts_without_usage(
    connection: psycopg.Connection, days: DayRange, catalogue: tuple[Meter, ...], with_usage: Iterable[Account]
) -> list[AccountWithoutUsage]:
    """Every mapped customer and meter but those; whoever was not read for the longest time comes first."""
    known = [(account.meter.event_name, customer) for account in with_usage for customer in account.customer_ids]
    rows = connection.execute(
        statement("accounts_without_usage"),
        {
            **meters_of(catalogue),
            "known_events": [event_name for event_name, _ in known],
            "known_customers": [customer for _, customer in known],
            "looked_from": range_to_read(days, None).hours.first.start,
            "first": days.hours.first.start,
            "first_day": days.first,
        },
    ).fetchall()
    meters = {meter.event_name: meter for meter in catalogue}
    return [
        AccountWithoutUsage(
            Account(tenant_id, meters[event_name], (customer_id,)),
            last_used,
            None if read_at is None else RangeRead(DayRange(first_day, last_day), read_at),
        )
        for tenant_id, event_name, customer_id, last_used, first_day, last_day, read_at in rows
    ]


def unread_spans(
    connection: psycopg.Connection, days: DayRange, catalogue: tuple[Meter, ...]
) -> dict[tuple[str, str], DayRange]:
    """Tenant and event name → from the first to the last of the days that are to be read before a month is signed."""
    names, looked_at = _stated_names(connection, catalogue), sorted(PASSING | FOR_A_PERSON)
    parameters = {**_days(days), "event_names": names, "looked_at": looked_at}
    rows = connection.execute(statement("unread_spans"), parameters).fetchall()
    return {(tenant_id, event_name): DayRange(first, last) for tenant_id, event_name, first, last in rows}


def booked_hours(connection: psycopg.Connection, account: Account, days: DayRange) -> list[BookedHour]:
    """Our side of an account, one per hour and customer, in order."""
    parameters = {
        **span_of(days.hours),
        "tenant_id": account.tenant_id,
        "event_name": account.meter.event_name,
        "measure": account.meter.measure.name,
        "not_stated": list(NOT_STATED),
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("booked_hours"), parameters).fetchall()
    booked = [BookedHour(**{**row, "hour": Hour(row["hour"])}) for row in rows]
    if not account.is_removed:
        return booked
    return [replace(each, usage=each.ledger) for each in booked if each.is_sent]


def write_rows(
    connection: psycopg.Connection,
    account: Account,
    days: DayRange,
    rows: Iterable[Row],
    read_at: datetime | None,
    run_id: str,
) -> None:
    """Replaces an account's rows of these days; call it in a transaction.

    Without ``read_at`` nothing was read: rows of an earlier reading stay as they are.
    """
    key = {"tenant_id": account.tenant_id, "event_name": account.meter.event_name}
    connection.execute(statement("lock_reconciliation"), key)
    if read_at is not None:
        connection.execute(statement("remove_reconciliation"), {**key, **_days(days)})
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("write_reconciliation"),
            [
                {
                    **key,
                    "day": row.day,
                    "hour": row.hour.start if row.hour else None,
                    "stripe_customer_id": row.stripe_customer_id,
                    "usage": row.usage,
                    "ledger": row.ledger,
                    "stripe": row.stripe,
                    "difference": row.difference,
                    "cause": row.cause.value if row.cause else None,
                    "detail": row.detail,
                    "read_at": read_at if row.stripe is not None else None,
                    "run_id": run_id,
                }
                for row in rows
            ],
        )


def reconciled_days(connection: psycopg.Connection, days: DayRange) -> dict[date, ReconciledDay]:
    """What the days of a range came to; days without usage and statements are left out."""
    with connection.cursor(row_factory=class_row(ReconciledDay)) as cursor:
        return {row.day: row for row in cursor.execute(statement("reconciled_days"), _days(days)).fetchall()}


def unexplained_hours(connection: psycopg.Connection, days: DayRange) -> list[UnexplainedHour]:
    """The hours of a range that nobody can explain, the largest difference first."""
    with connection.cursor(row_factory=class_row(UnexplainedHour)) as cursor:
        parameters = {**_days(days), "for_a_person": sorted(FOR_A_PERSON)}
        return cursor.execute(statement("unexplained_rows"), parameters).fetchall()


def compared_hours(connection: psycopg.Connection, days: DayRange, catalogue: tuple[Meter, ...]) -> list[ComparedHour]:
    """The hours of a range that are not billed, as they were last read; agreeing ones as well."""
    parameters = {**_days(days), "event_names": meters_of(catalogue)["event_names"]}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("compared_hours"), parameters).fetchall()
    return [ComparedHour(**{**row, "hour": Hour(row["hour"])}) for row in rows]


def days_to_reconcile(connection: psycopg.Connection, days: DayRange, catalogue: tuple[Meter, ...]) -> list[date]:
    """The days of a range that were never read in full, or that may look different now, in order."""
    rows = connection.execute(
        statement("days_to_reconcile"),
        {
            **span_of(days.hours),
            **_days(days),
            **meters_of(catalogue),
            "stated_names": _stated_names(connection, catalogue),
            "passing": sorted(PASSING),
        },
    ).fetchall()
    return [row[0] for row in rows]


def days_read_at(connection: psycopg.Connection, days: DayRange) -> dict[date, datetime]:
    """When each day was last read in full; a day of which something was never read is left out."""
    return dict(connection.execute(statement("days_read_at"), _days(days)).fetchall())


def _days(days: DayRange) -> dict[str, object]:
    return {"first_day": days.first, "last_day": days.last}
