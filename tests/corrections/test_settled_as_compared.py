"""What one person settles alone, whatever is written to the database: what is owed, and little of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.corrections.correction_record import owed_on_invoices
from fridge_pipeline.reason_terms import How
from tests.corrections.test_invoice_corrections import approve, late_file, of_readings, propose, settle
from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.invoices.shapes import READINGS
from tests.people import signed_in
from tests.pipeline import Pipeline, readings

SENSORS = "active_sensors"

#: What is refused; a settlement takes two people (True), or one may decide it alone (False).
REFUSED = None


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """Its invoice of the first day misses 30 readings of 0.01 USD, and three sensor-hours that have no price."""
    found = with_120_readings(pipeline)
    late_file(found)
    found.compare()
    return found


def exception_about(tenant: InvoicedTenant, subject: str) -> tuple[int, dict[str, Any]]:
    """The open exception of a meter, and what is owed of it, as a settlement keeps it."""
    with tenant.pipeline.database.connect() as connection:
        ((number, kind, tenant_id, hour),) = connection.execute(
            "select exception_id, kind, tenant_id, hour from fridge.open_exceptions where subject = %s", [subject]
        ).fetchall()
        (place,) = owed_on_invoices(connection, number, kind, tenant_id, hour).places
    return number, place


def opened_exception(tenant: InvoicedTenant, tenant_id: str, subject: str) -> int:
    """The number of a new one about the period of the invoice."""
    return int(
        tenant.pipeline.one(
            "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)"
            " values ('not_invoiced', %s, %s, %s, 'x', now()) returning exception_id",
            tenant_id,
            tenant.start,
            subject,
        )
    )


def typed(tenant: InvoicedTenant, exception_id: int, **columns: Any) -> bool | None:
    """Whether a decision that an operator types in psql takes two; ``None`` where it is refused."""
    olga = signed_in(tenant.pipeline.database, "olga").person
    assert olga is not None
    told = {"event_name": READINGS, **columns, "places": Jsonb(columns["places"]) if "places" in columns else None}
    try:
        with olga.connect() as connection:
            row = connection.execute(
                "insert into fridge.settlement_decisions (exception_id, event_name, how, quantity, places, reason)"
                " values (%(id)s, %(event_name)s, 'written_off', %(quantity)s, %(places)s, 'x') returning takes_two",
                {**told, "id": exception_id},
            ).fetchone()
    except psycopg.errors.RestrictViolation:
        return REFUSED
    assert row is not None
    return bool(row[0])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, False),
        ({"customer_id": "cus_other"}, REFUSED),
        ({"invoice_id": "in_other"}, REFUSED),
        ({"invoice_id": None}, REFUSED),
        ({"period_start": "2020-01-01T00:00Z"}, REFUSED),
        ({"period_end": "2999-01-01T00:00Z"}, REFUSED),
        ({"quantity": 31}, True),
        ({"quantity": 29}, True),
        ({"amount": 99999900}, True),
        ({"amount": -30}, True),
        ({"amount": 0}, True),
        ({"amount": None}, True),
        ({"currency": "eur"}, True),
        ({"currency": None}, True),
    ],
)
def test_nobody_settles_alone_another_period_or_quantity_or_money_than_was_compared(
    tenant: InvoicedTenant, other: dict[str, Any], *, expected: bool | None
) -> None:
    number, place = exception_about(tenant, READINGS)
    assert (place["quantity"], place["amount"], place["currency"]) == (30, 30, "usd")
    place |= other
    assert typed(tenant, number, quantity=place["quantity"], places=[place]) is expected


def test_an_exception_is_not_settled_with_another_meter_or_another_tenants_period_or_one_twice(
    tenant: InvoicedTenant,
) -> None:
    sensors, one = exception_about(tenant, SENSORS)
    number, place = exception_about(tenant, READINGS)
    assert (one["quantity"], one["amount"]) == (3, None)
    assert typed(tenant, sensors, quantity=30, places=[place]) is REFUSED
    assert typed(tenant, sensors, event_name=SENSORS, quantity=30, places=[one | {"quantity": 30}]) is True
    assert typed(tenant, number, quantity=60, places=[place, place]) is REFUSED
    assert typed(tenant, number, quantity=None) is REFUSED
    eries = opened_exception(tenant, "erie", READINGS)
    assert typed(tenant, eries, quantity=30, places=[place]) is REFUSED
    assert typed(tenant, sensors, event_name=SENSORS, quantity=3, places=[one]) is False


def test_usage_of_an_hour_is_not_settled_of_another_meter_nor_alone_in_another_quantity(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    hour = Hour.containing(pipeline.clock.now - timedelta(days=40))
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    number = pipeline.one("select exception_id from fridge.open_exceptions where subject = %s", SENSORS)
    assert pipeline.one("select owed from fridge.open_exceptions where exception_id = %s", number) == 1
    assert typed(tenant, number, quantity=900) is REFUSED
    assert typed(tenant, number, event_name=SENSORS, quantity=None) is REFUSED
    assert typed(tenant, number, event_name=SENSORS, quantity=900) is True
    assert typed(tenant, number, event_name=SENSORS, quantity=1) is False


def test_little_usage_of_much_money_takes_two_however_it_is_split(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(unit_amount=30_000))
    for number in (3, 27, 51):
        tenant.use(number, 1)
    tenant.go(tenant.start + timedelta(hours=74))
    for number in (20, 44, 68):
        tenant.use(number, 2 if number < 60 else 1)
    tenant.read()
    tenant.compare()
    waits = []
    for number, hour in tenant.pipeline.rows(
        "select exception_id, hour from fridge.open_exceptions where subject = %s order by hour", READINGS
    ):
        with tenant.pipeline.database.connect() as connection:
            owed = owed_on_invoices(connection, number, "not_invoiced", "cohoes", hour)
        waits.append((owed.places[0]["amount"], typed(tenant, number, quantity=owed.quantity, places=owed.places)))
    assert waits == [(60_000, False), (60_000, True), (30_000, False)]


@pytest.mark.parametrize("how", [How.WRITTEN_OFF, How.INVOICED_BY_HAND])
def test_what_is_left_after_a_settlement_and_a_correction_is_settled_alone(tenant: InvoicedTenant, how: How) -> None:
    assert not settle(tenant, how).waits
    late_file(tenant, 20)
    approve(tenant, of_readings(propose(tenant)).proposal_id)
    late_file(tenant, 7)
    tenant.compare()
    settled = settle(tenant, how)
    assert (settled.quantity, settled.waits) == (7, False)


def test_a_correction_ends_no_exception_of_another_meter(tenant: InvoicedTenant) -> None:
    found = of_readings(propose(tenant))
    done = approve(tenant, found.proposal_id)
    sensors = opened_exception(tenant, "cohoes", SENSORS)
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match=f"has not written {done.document} for it"),
        tenant.pipeline.database.connect() as connection,
    ):
        connection.execute(
            "insert into fridge.settlement_decisions (exception_id, event_name, how, quantity, document, reason,"
            " proposal_id) values (%s, %s, 'invoiced_by_hand', 30, %s, 'x', %s)",
            [sensors, READINGS, done.document, found.proposal_id],
        )
