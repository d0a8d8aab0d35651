"""Explain: why a tenant's number in an hour is what it is, and what Stripe itself shows for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.billing.open_stripe import (
    NEVER_STATED,
    ReadPurpose,
    books_are_claimed,
    count_reads,
    reads_since,
    stripe_of_books,
)
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.measure import BUILT_IN
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Run
from fridge_pipeline.finance.pages.explanation import Explanation
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH

if TYPE_CHECKING:
    from fridge_pipeline.stripe.gateway import StripeGateway

#: Each of these a statement of its own reads, ``explain_…``; the console's page of an hour has many of them too.
LISTS = (
    *("rejected", "statements", "cancellations", "stripe"),
    *("exceptions", "settlements", "invoice_lines_of_hour", "runs"),
)
#: How the list of each act at Stripe names when it was done, and what came of it.
ACTS = {"attempts": ("sent", "sent_at", "outcome"), "readbacks": ("read back", "read_at", "verdict")}
#: So many rejected rows of the tenant are shown of each file; the file's counts say how many there are.
REJECTED_MAX = 20
#: And so many of all files together.
REJECTED_MAX_IN_ALL = 500


def explain(
    connection: psycopg.Connection,
    tenant_id: str,
    hour: Hour,
    catalogue: Sequence[Meter],
    closes_at: datetime,
    now: datetime,
) -> Explanation:
    """Everything about one tenant and hour; quantities are ``None`` where there is no usage.

    ``catalogue`` has the meters that the tenant's customer is billed by now; ``closes_at`` is when the hour closes, or
    closed.
    """
    parameters = {
        "tenant": tenant_id,
        "hour": hour.start,
        "every_file": True,
        "event_names": [meter.event_name for meter in catalogue],
        "rejected_max": REJECTED_MAX,
        "rejected_max_in_all": REJECTED_MAX_IN_ALL,
    }
    measures = (*BUILT_IN, *(meter.measure for meter in catalogue))
    with connection.cursor(row_factory=dict_row) as cursor:
        lists = {name: cursor.execute(statement(f"explain_{name}"), parameters).fetchall() for name in LISTS}
        usage = {each["measure"]: each["quantity"] for each in cursor.execute(statement("explain_usage"), parameters)}
        files = cursor.execute(statement("explain_files"), parameters).fetchall()
        stored = {each.pop("file_id"): each for each in cursor.execute(statement("explain_stored"), parameters)}
        done = cursor.execute(statement("explain_deliveries"), parameters).fetchall()
        return Explanation(
            tenant_id=tenant_id,
            hour=hour.key,
            is_open=now < closes_at,
            closes_at=closes_at,
            usage={**dict.fromkeys(measure.name for measure in measures), **usage},
            files=[_with_stored(file, stored.get(file["file_id"], NOTHING_STORED)) for file in files],
            **{
                name: [
                    {**each, done_at: each["acted_at"], came_to: each["outcome"]} for each in done if each["act"] == act
                ]
                for name, (act, done_at, came_to) in ACTS.items()
            },
            **lists,
        )


NOTHING_STORED = {"tenant_stored_count": 0, "tenant_sensors": 0}


def _with_stored(file: dict[str, Any], stored: Mapping[str, int]) -> dict[str, Any]:
    """What is stored of the tenant now stands in for what was not recorded when the file was loaded."""
    inserted = file["tenant_inserted_count"] if file["tenant_is_recorded"] else stored["tenant_stored_count"]
    return {**file, "tenant_inserted_count": inserted, **stored}


READ_NOW = "read now"


def explain_hour(
    run: Run,
    open_gateway: Callable[[], StripeGateway] | None,
    tenant_id: str,
    hour: Hour,
    close_after: timedelta,
    reads_max: int = READS_MAX,
) -> Explanation:
    """Everything the books hold about a tenant and hour; with ``open_gateway`` Stripe's sums are read now.

    Each meter and customer costs a read, of which 30 days hold ``reads_max``. ``detail`` says where the sum is not what
    Stripe accepted, or not what it was when it was read last; one that cannot be read stays that, and it says why.
    Raises ``WrongBooksError`` and what ``open_gateway`` raises.
    """
    with run.database.connect() as connection:
        found = explain(connection, tenant_id, hour, run.catalogue, hour.closes_at(close_after), run.clock())
        if open_gateway is None or not found.stripe:
            return found
        if not books_are_claimed(connection):
            return replace(found, stripe=[_unread(row, NEVER_STATED) for row in found.stripe])
        left = reads_max - reads_since(connection, run.clock() - READS_MONTH)
        gateway = stripe_of_books(connection, open_gateway)
        return replace(found, stripe=list(_read_now(connection, gateway, found, hour, run.clock, left)))


def _read_now(
    connection: psycopg.Connection,
    gateway: StripeGateway,
    found: Explanation,
    hour: Hour,
    clock: Callable[[], datetime],
    left: int,
) -> Iterator[dict[str, Any]]:
    """The row of each meter and customer, with Stripe's sum as it is now."""
    # They bring Stripe's SDK, and most explanations ask nothing of Stripe.
    from fridge_pipeline.billing.meters_at_stripe import sums_by_hour, whole_hours  # noqa: PLC0415
    from fridge_pipeline.stripe.gateway import MeterMissingError, StripeCallError  # noqa: PLC0415

    def count_read() -> None:
        """On record before it is made: a read that fails counts as well."""
        nonlocal left
        count_reads(connection, 1, ReadPurpose.EXPLANATION, clock())
        left -= 1

    stated, unreachable, span = _stated(found.statements), None, HourRange(hour, hour)
    for row in found.stripe:
        if left <= 0 or unreachable:
            yield _unread(row, unreachable or "the reads that Stripe allows in a month are used up")
            continue
        read_at, account = clock(), (row["event_name"], row["stripe_customer_id"])
        try:
            whole = whole_hours(connection, *account, span)
            sums = sums_by_hour(gateway, *account, span, whole, count_read)
        except (MeterMissingError, StripeCallError) as error:
            unreachable = str(error) if isinstance(error, StripeCallError) and not error.reached else None
            yield _unread(row, str(error))
        else:
            value = sums.get(hour, Decimal(0))
            detail = _differences(row, value, stated.get(account, 0))
            yield {**row, "value": value, "read_at": read_at, "source": READ_NOW, "detail": detail}


def _stated(statements: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Meter and customer → what the accepted statements of the hour come to."""
    stated: dict[tuple[str, str], int] = {}
    for each in statements:
        if each["status"] == "accepted":
            account = each["event_name"], each["stripe_customer_id"]
            stated[account] = stated.get(account, 0) + each["value"]
    return stated


def _differences(row: Mapping[str, Any], value: Decimal, stated: int) -> str | None:
    """What Stripe's sum of now is not: what was accepted, or what it was when it was read before."""
    found = [f"{value - stated:+} to the {stated} that Stripe accepted"] if value != stated else []
    if row["value"] is not None and row["value"] != value:
        found.append(f"{value - row['value']:+} to the {row['value']} of {row['read_at']:%Y-%m-%d %H:%M} UTC")
    return ", ".join(found) or None


def _unread(row: Mapping[str, Any], why: str) -> dict[str, Any]:
    return {**row, "detail": f"not read now: {why}"}
