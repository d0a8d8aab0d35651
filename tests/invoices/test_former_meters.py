"""Invoices of a meter that left the catalogue: what was stated to it is billed, and its invoices are looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fridge_pipeline.catalogue.meter import CATALOGUE, Formula, Meter
from fridge_pipeline.catalogue.tenant import Tenant
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.corrections.correction_record import CorrectionRecord
from fridge_pipeline.finance.explain_invoice import explain_invoice
from fridge_pipeline.invoices.preview_invoices import preview_invoices
from tests.corrections.test_invoice_corrections import approve, of_readings, propose
from tests.invoices.account import InvoicedTenant
from tests.invoices.shapes import READINGS
from tests.pipeline import Pipeline, readings

RENAMED = replace(CATALOGUE[0], event_name="readings_stored")


def gone(tenant: InvoicedTenant, *left: Meter) -> None:
    """The meter of readings leaves the catalogue, before the day's invoice was read."""
    for meter in left:
        if meter.event_name not in tenant.pipeline.gateway.meters():
            tenant.pipeline.gateway.create_meter(meter)
    tenant.pipeline.catalogue = left


def told(tenant: InvoicedTenant) -> list[tuple[object, ...]]:
    return tenant.pipeline.rows(
        "select kind, subject, tenant_id from fridge.open_exceptions where subject = %s order by kind", READINGS
    )


def accrued(tenant: InvoicedTenant) -> list[tuple[object, ...]]:
    tenant.pipeline.run_models(tenant.hour(3), tenant.hour(20))
    return tenant.pipeline.rows(
        "select meter, cause, quantity::int, amount_minor_units::int from fridge.unbilled_accrual"
        " where meter <> 'active_sensors' order by meter, cause"
    )


@pytest.mark.parametrize("left", [CATALOGUE[1:], (RENAMED, CATALOGUE[1])], ids=["removed", "renamed"])
def test_an_invoice_of_a_meter_that_left_the_catalogue_is_compared_with_what_was_stated_to_it(
    pipeline: Pipeline, left: tuple[Meter, ...]
) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.use(3, 90)
    tenant.use(20, 30)
    gone(tenant, *left)
    assert tenant.settled() == [(120, 120, 120, None, None)]
    assert told(tenant) == []
    assert pipeline.rows("select price_id is null, ended_at from fridge.subscription_items") == [(False, None)]


def test_what_was_stated_to_it_and_missed_its_invoice_is_told_and_corrected(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.use(3, 90)
    tenant.go(tenant.start + timedelta(hours=26))
    hour = tenant.hour(20)
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 30, start=9))
    pipeline.run(hour)
    gone(tenant, *CATALOGUE[1:])
    assert tenant.settled() == [(120, 120, 90, "after_finalization", 30)]
    assert told(tenant) == [("not_invoiced", READINGS, "cohoes")]
    with pipeline.database.connect() as connection:
        (invoice_id,) = pipeline.rows("select invoice_id from fridge.invoices")[0]
        explained = explain_invoice(connection, pipeline.catalogue, invoice_id)
    assert [(line.event_name, str(line.quantity), len(line.hours)) for line in explained.lines] == [(READINGS, "90", 2)]
    assert accrued(tenant) == [(READINGS, "after_finalization", 30, 30)]
    proposed = of_readings(propose(tenant))
    assert (int(proposed.what.delta), proposed.what.amount) == (30, 30)
    assert approve(tenant, proposed.proposal_id).state == "written"
    assert told(tenant) == []


def test_what_was_stated_to_it_and_is_on_no_invoice_is_told(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.price()
    tenant.use(3, 90)
    gone(tenant, *CATALOGUE[1:])
    tenant.go(tenant.start + timedelta(hours=60))
    tenant.read()
    tenant.compare()
    assert tenant.rows() == [(90, 90, 0, "not_on_subscription", 90)]
    assert told(tenant) == [("not_invoiced", READINGS, "cohoes")]


def test_of_one_that_went_by_the_last_event_the_last_one_is_what_was_used(pipeline: Pipeline) -> None:
    last = Meter("sensors_now", "Sensors", CATALOGUE[1].measure, Formula.LAST)
    pipeline.catalogue = (CATALOGUE[0], last)
    pipeline.gateway.create_meter(last)
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price("sensors_now"))
    tenant.use(3, 90)
    tenant.use(20, 30)
    gone(tenant, CATALOGUE[0])
    tenant.settled()
    assert tenant.rows("sensors_now") == [(1, 1, 1, None, None)]


def renamed(tenant: InvoicedTenant) -> None:
    """As an operator does it: the new name gets every hour that Stripe still takes, also those that the old one has."""
    gone(tenant, RENAMED, CATALOGUE[1])
    for number in (3, 20):
        tenant.pipeline.run(tenant.hour(number))


def found(tenant: InvoicedTenant) -> dict[str, list[tuple[object, ...]]]:
    """Meter → (usage, invoiced, cause), after reading and comparing."""
    tenant.go(tenant.start + timedelta(hours=60))
    tenant.read()
    tenant.compare()
    return {
        name: [(usage, invoiced, cause) for usage, _, invoiced, cause, _ in tenant.rows(name) if usage or invoiced]
        for name in (READINGS, RENAMED.event_name)
    }


def owed(tenant: InvoicedTenant) -> list[tuple[object, ...]]:
    return tenant.pipeline.rows(
        "select kind, subject from fridge.open_exceptions where subject <> 'active_sensors' order by kind, subject"
    )


def proposed(tenant: InvoicedTenant) -> list[tuple[str, int]]:
    whats = [each.what for each in propose(tenant).corrections]
    return [(each.event_name, int(each.delta)) for each in whats if each.event_name != "active_sensors"]


def test_what_the_old_name_has_invoiced_is_not_owed_by_the_new_one_as_well(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.use(3, 90)
    tenant.use(20, 30)
    assert tenant.settled() == [(120, 120, 120, None, None)]
    renamed(tenant)
    assert pipeline.stripe_totals("cohoes")[RENAMED.event_name, tenant.hour(3).key] == 90
    tenant.price(RENAMED.event_name)
    assert found(tenant) == {READINGS: [(120, 120, None)], RENAMED.event_name: []}
    assert (owed(tenant), accrued(tenant)) == ([], [])
    pipeline.land(tenant.hour(20), "late.csv", readings("cohoes", tenant.hour(20), 1, 7, start=9))
    pipeline.run(tenant.hour(20))
    assert found(tenant) == {READINGS: [(120, 120, None)], RENAMED.event_name: [(7, 0, "not_on_subscription")]}
    assert accrued(tenant) == [(RENAMED.event_name, "not_on_subscription", 7, 7)]


def test_what_the_new_name_invoices_is_not_owed_by_the_old_one_that_is_on_no_price(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    pipeline.gateway.create_meter(RENAMED)
    tenant.price()
    tenant.subscribe(tenant.price(RENAMED.event_name))
    tenant.use(3, 90)
    renamed(tenant)
    assert found(tenant) == {READINGS: [], RENAMED.event_name: [(90, 90, None)]}
    assert (owed(tenant), accrued(tenant)) == ([], [])


@pytest.mark.parametrize(
    "packs", [{}, {"transform_quantity": {"divide_by": 10, "round": "up"}}], ids=["units", "packages"]
)
def test_what_both_names_have_invoiced_is_told_as_too_much(pipeline: Pipeline, packs: dict[str, Any]) -> None:
    tenant = InvoicedTenant(pipeline)
    pipeline.gateway.create_meter(RENAMED)
    pipeline.sandbox.settings(package_line_quantity="packages")
    tenant.subscribe(tenant.price(**packs), tenant.price(RENAMED.event_name, **packs))
    tenant.use(3, 90)
    renamed(tenant)
    rows = found(tenant)
    assert (rows[READINGS][0][0], [row[0] for row in rows[RENAMED.event_name]]) == (90, [0])
    assert owed(tenant) == [("invoiced_too_much", RENAMED.event_name)]


def test_of_one_that_went_away_the_preview_shows_what_stripe_will_bill(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.use(3, 90)
    gone(tenant, *CATALOGUE[1:])
    tenant.read()
    found = preview_invoices(pipeline.as_run(), lambda: pipeline.gateway).periods
    assert [(each.event_name, int(each.quantity), each.usage, each.accepted) for each in found] == [
        (READINGS, 90, 90, 90)
    ]


def test_of_a_customer_that_moved_to_another_tenant_the_last_event_is_one_of_both(pipeline: Pipeline) -> None:
    """The customer had three sensors at cohoes and then one at dale: one is what Stripe bills, and not four."""
    last = Meter("sensors_now", "Sensors", CATALOGUE[1].measure, Formula.LAST)
    pipeline.catalogue = (CATALOGUE[0], last)
    pipeline.gateway.create_meter(last)
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price("sensors_now"))
    hour, later = tenant.hour(3), tenant.hour(20)
    pipeline.land(hour, "many.csv", readings("cohoes", hour, 3, 5))
    tenant.go(hour.end + timedelta(minutes=10))
    pipeline.run(hour)
    with pipeline.database.connect() as connection:
        moved = [Tenant("cohoes", "cohoes", None), Tenant("dale", "dale", tenant.customer)]
        import_tenants(connection, moved, pipeline.clock(), may_remove_customers=True)
    pipeline.land(later, "one.csv", readings("dale", later, 1, 5))
    tenant.go(later.end + timedelta(minutes=10))
    pipeline.run(later)
    tenant.settled()
    assert tenant.rows("sensors_now") == [(1, 1, 1, None, None)]


def test_what_both_names_were_stated_and_no_price_bills_is_accrued_once(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.use(3, 90)
    tenant.use(20, 30)
    renamed(tenant)
    found(tenant)
    rows = accrued(tenant)
    assert rows == [(RENAMED.event_name, "no_price", 120, None)]


def test_of_a_name_that_is_back_the_hours_of_the_other_one_are_not_asked_of_its_invoice(pipeline: Pipeline) -> None:
    """For ten hours the measure was another meter's, which stated nothing of them."""
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.use(3, 90)
    with pipeline.database.owned.connect() as connection:
        for name, number in ((RENAMED.event_name, 10), (READINGS, 20)):
            connection.execute(
                "insert into fridge.meter_turns (measure, event_name, bill_from, entered_at)"
                " values (%s, %s, %s, now())",
                [CATALOGUE[0].measure.name, name, tenant.hour(number).start],
            )
    tenant.use(12, 30)
    tenant.use(21, 5)
    assert tenant.settled() == [(95, 95, 95, None, None)]


def test_what_the_new_name_states_after_the_old_names_invoice_is_final_is_asked_for_by_nobody(
    pipeline: Pipeline,
) -> None:
    """Both were on the subscription: what comes later is missing from the new name's line, and told once."""
    tenant = InvoicedTenant(pipeline)
    pipeline.gateway.create_meter(RENAMED)
    tenant.subscribe(tenant.price(), tenant.price(RENAMED.event_name))
    tenant.use(3, 90)
    tenant.use(20, 30)
    assert tenant.settled() == [(120, 120, 120, None, None)]
    renamed(tenant)
    assert pipeline.stripe_totals("cohoes")[RENAMED.event_name, tenant.hour(3).key] == 90
    assert found(tenant) == {READINGS: [(120, 120, None)], RENAMED.event_name: []}
    assert (owed(tenant), accrued(tenant)) == ([], [])
    assert proposed(tenant) == []
    pipeline.land(tenant.hour(20), "late.csv", readings("cohoes", tenant.hour(20), 1, 7, start=9))
    pipeline.run(tenant.hour(20))
    assert found(tenant) == {READINGS: [(120, 120, None)], RENAMED.event_name: [(7, 0, "after_finalization")]}
    assert owed(tenant) == [("not_invoiced", RENAMED.event_name)]
    assert proposed(tenant) == [(RENAMED.event_name, 7)]


@pytest.mark.parametrize("late", [0, 7])
def test_a_name_that_is_back_after_its_invoice_is_final_owes_nothing_of_it(pipeline: Pipeline, late: int) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.use(3, 90)
    tenant.use(20, 30)
    assert tenant.settled() == [(120, 120, 120, None, None)]
    renamed(tenant)
    if late:
        pipeline.land(tenant.hour(20), "late.csv", readings("cohoes", tenant.hour(20), 1, late, start=9))
        pipeline.run(tenant.hour(20))
    gone(tenant, *CATALOGUE)
    for number in (3, 20):
        pipeline.run(tenant.hour(number))
    told = [(120 + late, 120, "after_finalization" if late else None)]
    assert found(tenant) == {READINGS: told, RENAMED.event_name: []}
    assert owed(tenant) == ([("not_invoiced", READINGS)] if late else [])
    assert accrued(tenant) == ([(READINGS, "after_finalization", 7, 7)] if late else [])


def test_what_was_corrected_under_the_old_name_is_not_owed_by_the_new_one_as_well(pipeline: Pipeline) -> None:
    """No invoice had it: an invoice item does."""
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price("active_sensors"))
    tenant.price()
    tenant.use(3, 90)
    found(tenant)
    assert owed(tenant) == [("not_invoiced", READINGS)]
    (what,) = of_meter(tenant, READINGS)
    assert approve(tenant, what.proposal_id).state == "written"
    renamed(tenant)
    tenant.price(RENAMED.event_name)
    assert {name: [row[0] for row in rows] for name, rows in found(tenant).items()} == {
        READINGS: [90],
        RENAMED.event_name: [],
    }
    assert owed(tenant) == []
    assert of_meter(tenant, RENAMED.event_name) == []
    pipeline.land(tenant.hour(3), "late.csv", readings("cohoes", tenant.hour(3), 1, 7, start=9))
    pipeline.run(tenant.hour(3))
    found(tenant)
    assert owed(tenant) == [("not_invoiced", RENAMED.event_name)]
    assert [int(each.what.delta) for each in of_meter(tenant, RENAMED.event_name)] == [7]


def of_meter(tenant: InvoicedTenant, event_name: str) -> list[CorrectionRecord]:
    return [each for each in propose(tenant).corrections if each.what.event_name == event_name]


def test_what_the_old_name_has_invoiced_is_not_owed_by_the_new_one_that_was_removed_since(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(), tenant.price("active_sensors"))
    tenant.use(3, 90)
    tenant.use(20, 30)
    assert tenant.settled() == [(120, 120, 120, None, None)]
    renamed(tenant)
    tenant.price(RENAMED.event_name)
    gone(tenant, CATALOGUE[1])
    assert found(tenant) == {READINGS: [(120, 120, None)], RENAMED.event_name: []}
    assert (owed(tenant), accrued(tenant), proposed(tenant)) == ([], [], [])


def test_of_three_names_each_hour_is_owed_once(pipeline: Pipeline) -> None:
    """Two of them were on the subscription, and the second one's invoice is too much."""
    tenant = InvoicedTenant(pipeline)
    third = replace(RENAMED, event_name="readings_v3")
    for meter in (RENAMED, third):
        pipeline.gateway.create_meter(meter)
    tenant.subscribe(tenant.price(), tenant.price(RENAMED.event_name))
    tenant.use(3, 90)
    renamed(tenant)
    tenant.settled()
    gone(tenant, third, CATALOGUE[1])
    pipeline.run(tenant.hour(3))
    rows = found(tenant)
    assert (rows[READINGS], [row[:2] for row in rows[RENAMED.event_name]]) == ([(90, 90, None)], [(0, 90)])
    assert [row[0] for row in tenant.rows(third.event_name) if row[0]] == []
    assert owed(tenant) == [("invoiced_too_much", RENAMED.event_name)]


def test_what_was_corrected_under_the_other_name_is_not_owed_by_the_name_that_is_back(pipeline: Pipeline) -> None:
    """The first name's invoice has 120, an invoice item of the other one 7: together all that there is."""
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(), tenant.price("active_sensors"))
    tenant.use(3, 90)
    tenant.use(20, 30)
    assert tenant.settled() == [(120, 120, 120, None, None)]
    renamed(tenant)
    tenant.price(RENAMED.event_name)
    pipeline.land(tenant.hour(20), "late.csv", readings("cohoes", tenant.hour(20), 1, 7, start=9))
    pipeline.run(tenant.hour(20))
    found(tenant)
    (what,) = of_meter(tenant, RENAMED.event_name)
    assert (int(what.what.delta), approve(tenant, what.proposal_id).state) == (7, "written")
    gone(tenant, *CATALOGUE)
    for number in (3, 20):
        pipeline.run(tenant.hour(number))
    rows = found(tenant)
    assert (rows[READINGS], [row[:2] for row in rows[RENAMED.event_name]]) == ([(120, 120, None)], [(7, 0)])
    assert (owed(tenant), accrued(tenant), proposed(tenant)) == ([], [], [(RENAMED.event_name, 7)])
    pipeline.land(tenant.hour(20), "later.csv", readings("cohoes", tenant.hour(20), 1, 5, start=19))
    pipeline.run(tenant.hour(20))
    assert found(tenant)[READINGS] == [(125, 120, "after_finalization")]
    assert owed(tenant) == [("not_invoiced", READINGS)]
