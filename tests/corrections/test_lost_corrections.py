"""A correction that Stripe has no more is owed again: told, and billed once by another document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from fridge_pipeline.corrections.correction_record import CorrectionRecord
from fridge_pipeline.corrections.propose import CorrectionRefusedError
from fridge_pipeline.invoices.find_losses import find_losses
from fridge_pipeline.invoices.invoice_record import Reading
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.rules.api_key import ApiKey
from fridge_pipeline.stripe.rules.correction import VOIDED_WITHIN, DocumentKind, Fate, standing
from tests.corrections.test_invoice_corrections import (
    approve,
    items,
    late_file,
    notes,
    of_readings,
    owed,
    propose,
    settle,
    taken_out,
)
from tests.invoices.account import InvoicedTenant, with_120_readings
from tests.pipeline import Pipeline, ProcessDied, gateway_to

FOUND = "select proposal_id, answer from fridge.correction_losses order by proposal_id"
STATES = "select state from fridge.corrections where event_name = 'temperature_readings' order by proposal_id"


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant whose invoice of the first day has 120 readings, and who pays no invoice by itself."""
    pipeline.sandbox.settings(payment="open", void_bills_again=False)
    return with_120_readings(pipeline)


def corrected(tenant: InvoicedTenant, rows: int = 30) -> CorrectionRecord:
    """A late file of so many readings, and its invoice item."""
    late_file(tenant, rows)
    return approve(tenant, of_readings(propose(tenant)).proposal_id)


def lost(tenant: InvoicedTenant) -> int:
    """Runs the asset's step; how many corrections it has found to be lost."""
    report = tenant.read()
    assert report.not_read is None
    tenant.compare()
    return report.lost


def on_the_next_invoice(tenant: InvoicedTenant) -> str:
    """The second day's invoice, once it is final."""
    tenant.go(tenant.start + timedelta(hours=51))
    return str(tenant.client.v1.invoices.list({"customer": tenant.customer}).data[0].id)


def test_a_deleted_invoice_item_is_owed_again_and_is_billed_once_by_another(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    assert (lost(tenant), owed(tenant)) == (0, [])
    tenant.client.v1.invoice_items.delete(str(first.document))
    assert (lost(tenant), owed(tenant)) == (1, [("not_invoiced",)])
    detail = tenant.pipeline.one(
        "select detail from fridge.open_exceptions where kind = 'not_invoiced' and subject = 'temperature_readings'"
    )
    assert "invoiced 120, usage 150, accepted 150: 30 too little, 0.30 USD" in detail
    assert tenant.pipeline.rows("select * from fridge.settlements") == [], "it is settled by nothing any more"
    ((number, answer),) = tenant.pipeline.rows(FOUND)
    assert (number, f"No such invoice item: '{first.document}'" in answer) == (first.proposal_id, True)
    with pytest.raises(CorrectionRefusedError, match="was written, and is in Stripe no more"):
        approve(tenant, first.proposal_id)
    second = of_readings(propose(tenant))
    assert (second.what.old_quantity, second.what.new_quantity, second.what.amount) == (Decimal(120), Decimal(150), 30)
    assert (approve(tenant, second.proposal_id).state, owed(tenant)) == ("written", [])
    assert (lost(tenant), owed(tenant), [item.amount for item in items(tenant)]) == (0, [], [30])
    assert tenant.pipeline.rows(STATES) == [("lost",), ("written",)]
    assert [each.state for each in propose(tenant).corrections] == ["written"]
    assert len(tenant.pipeline.rows("select * from fridge.settlements")) == 1


def test_a_voided_credit_note_is_owed_again_and_is_credited_once_by_another(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    first = approve(tenant, of_readings(propose(tenant)).proposal_id)
    assert (lost(tenant), owed(tenant)) == (0, [])
    tenant.client.v1.credit_notes.void_credit_note(str(first.document))
    assert (lost(tenant), owed(tenant)) == (1, [("invoiced_too_much",)])
    assert tenant.pipeline.rows(FOUND) == [(first.proposal_id, f"{first.document} is void")]
    second = of_readings(propose(tenant))
    assert (second.what.delta, second.what.amount, second.what.kind) == (Decimal(-30), -90, DocumentKind.CREDIT_NOTE)
    approve(tenant, second.proposal_id)
    assert (lost(tenant), owed(tenant)) == (0, [])
    assert [note.amount for note in notes(tenant) if note.status == "issued"] == [90]


def test_an_invoice_item_on_an_invoice_that_is_made_void_is_owed_again(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    invoice = on_the_next_invoice(tenant)
    assert (lost(tenant), owed(tenant)) == (0, [])
    tenant.client.v1.invoices.void_invoice(invoice)
    assert (lost(tenant), owed(tenant)) == (1, [("not_invoiced",)])
    assert tenant.pipeline.rows(FOUND) == [(first.proposal_id, f"{first.document} is on {invoice}, which is void")]
    second = of_readings(propose(tenant))
    assert (second.what.old_quantity, second.what.new_quantity, second.what.amount) == (Decimal(120), Decimal(150), 30)
    approve(tenant, second.proposal_id)
    assert (lost(tenant), owed(tenant)) == (0, [])


def test_what_was_credited_of_an_invoice_that_is_made_void_is_not_billed_as_well(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    first = approve(tenant, of_readings(propose(tenant)).proposal_id)
    invoice = str(tenant.pipeline.one("select invoice_id from fridge.invoices order by created_at limit 1"))
    tenant.client.v1.invoices.void_invoice(invoice)
    assert (lost(tenant), owed(tenant)) == (1, [("not_invoiced",)])
    assert tenant.pipeline.rows(FOUND) == [(first.proposal_id, f"{first.document} is on {invoice}, which is void")]
    what = of_readings(propose(tenant)).what
    assert (what.old_quantity, what.new_quantity, what.amount) == (Decimal(0), Decimal(90), 180)


def test_what_was_credited_by_hand_of_an_invoice_that_is_made_void_is_not_billed_as_well(
    tenant: InvoicedTenant,
) -> None:
    taken_out(tenant, 20, 2)
    tenant.compare()
    settle(tenant, How.CREDITED)
    assert owed(tenant) == []
    invoice = str(tenant.pipeline.one("select invoice_id from fridge.invoices order by created_at limit 1"))
    tenant.client.v1.invoices.void_invoice(invoice)
    assert (lost(tenant), owed(tenant)) == (0, [("not_invoiced",)])
    what = of_readings(propose(tenant)).what
    assert (what.old_quantity, what.new_quantity, what.amount) == (Decimal(0), Decimal(90), 180)


def test_a_credit_note_that_is_voided_after_two_months_is_owed_again(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    first = approve(tenant, of_readings(propose(tenant)).proposal_id)
    tenant.go(tenant.start + timedelta(days=60))
    tenant.client.v1.credit_notes.void_credit_note(str(first.document))
    assert tenant.read().lost == 1


def test_an_invoice_item_is_looked_up_until_its_invoice_is_paid(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)

    def reads() -> int:
        """How often one run of the step asks for it."""
        path = f"/v1/invoiceitems/{first.document}"
        before = [each["path"] for each in tenant.pipeline.sandbox.requests()].count(path)
        assert lost(tenant) == 0
        return [each["path"] for each in tenant.pipeline.sandbox.requests()].count(path) - before

    assert reads() == 1
    invoice = on_the_next_invoice(tenant)
    assert (reads(), reads()) == (1, 1), "an open invoice can be made void"
    tenant.client.v1.invoices.pay(invoice)
    assert (reads(), reads()) == (1, 0)
    answer = f"{first.document} is on {invoice}, which is paid"
    assert tenant.pipeline.rows("select proposal_id, answer from fridge.correction_arrivals") == [
        (first.proposal_id, answer)
    ]


def told(tenant: InvoicedTenant) -> list[str]:
    """Reads and compares; what the open exceptions about the meter's invoices say."""
    assert lost(tenant) == 0
    return [
        detail
        for (detail,) in tenant.pipeline.rows(
            "select detail from fridge.open_exceptions where kind = 'not_invoiced' and subject = 'temperature_readings'"
        )
    ]


def test_an_invoice_item_that_no_invoice_takes_since_the_subscription_ended_is_told_until_one_does(
    tenant: InvoicedTenant,
) -> None:
    first = corrected(tenant)
    assert told(tenant) == []
    (subscription,) = tenant.client.v1.subscriptions.list({"customer": tenant.customer}).data
    tenant.client.v1.subscriptions.cancel(subscription.id)
    (detail,) = told(tenant)
    assert "invoiced 120, usage 150, accepted 150; corrected before: +30" in detail
    assert f"{first.document} is on no invoice: no subscription of {tenant.customer} goes on. Make an invoice" in detail
    assert told(tenant) == [detail]
    assert [each.state for each in propose(tenant).corrections] == ["written"], "it is not owed twice"
    made = tenant.client.v1.invoices.create(
        {"customer": tenant.customer, "pending_invoice_items_behavior": "include", "auto_advance": False}
    )
    assert [line.amount for line in tenant.client.v1.invoices.line_items.list(str(made.id)).data] == [30]
    assert told(tenant) == []
    tenant.client.v1.invoices.delete(str(made.id))
    assert told(tenant) == [detail], "its draft is gone, and it waits again"
    tenant.client.v1.invoice_items.delete(str(first.document))
    assert (lost(tenant), owed(tenant)) == (1, [("not_invoiced",)])


def test_an_invoice_item_that_invoices_in_another_currency_pass_by_is_told(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    (subscription,) = tenant.client.v1.subscriptions.list({"customer": tenant.customer}).data
    tenant.client.v1.subscriptions.cancel(subscription.id)
    tenant.subscribe(tenant.price(currency="eur"))
    tenant.use(60, 5)
    assert told(tenant) == [], "nobody knows yet that none will take it"
    tenant.go(tenant.start + timedelta(days=40))
    (detail,) = told(tenant)
    assert f"{first.document} is on no invoice: in_" in detail
    assert "was made later and did not take it" in detail


def test_what_no_invoice_of_a_subscription_in_another_currency_would_take_is_not_proposed(
    tenant: InvoicedTenant,
) -> None:
    (subscription,) = tenant.client.v1.subscriptions.list({"customer": tenant.customer}).data
    tenant.client.v1.subscriptions.cancel(subscription.id)
    tenant.subscribe(tenant.price(currency="eur"))
    late_file(tenant)
    (why,) = [why for each, why in propose(tenant).not_proposed if each.event_name == "temperature_readings"]
    assert "whose next invoice would take 0.30 USD" in why


def test_a_document_that_cannot_be_read_is_not_lost(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    tenant.pipeline.sandbox.settings(
        invoice_item_permission="rak_item", key_may_not={"rk_test_reader": ["rak_item_read"]}
    )
    reader = gateway_to(tenant.pipeline.sandbox.url, ApiKey("rk_test_reader"))
    used = tenant.pipeline.gateway
    tenant.pipeline.gateway = reader
    report = tenant.read()
    tenant.pipeline.gateway = used
    assert ("rak_item_read" in str(report.not_read), report.is_refused, report.lost) == (True, True, 0)
    tenant.pipeline.sandbox.faults({"kind": "drop_before", "endpoint": "/v1/invoiceitems", "method": "GET", "times": 9})
    report = tenant.read()
    tenant.pipeline.sandbox.clear_faults()
    assert (f"looking for the invoice item {first.document}" in str(report.not_read), report.lost) == (True, 0)
    assert (tenant.pipeline.rows(FOUND), lost(tenant), owed(tenant)) == ([], 0, [])


def test_a_key_of_another_account_shows_no_document_and_loses_none(tenant: InvoicedTenant) -> None:
    first = corrected(tenant)
    tenant.client.v1.invoice_items.delete(str(first.document))
    reading = Reading(tenant.pipeline.clock(), "here")
    with tenant.pipeline.database.connect() as connection:
        lost, unsure = find_losses(connection, tenant.pipeline.gateway, {}, reading, lambda: None)
        assert (lost, str(unsure).partition("; ")[2]) == (0, f"nor has {tenant.customer} a subscription there")
        assert tenant.pipeline.rows(FOUND) == []
        found = find_losses(connection, tenant.pipeline.gateway, {tenant.customer: True}, reading, lambda: None)
    assert (found, len(tenant.pipeline.rows(FOUND))) == ((1, None), 1)


def test_whoever_dies_between_two_losses_leaves_each_on_record_once(tenant: InvoicedTenant) -> None:
    documents = [corrected(tenant, rows) for rows in (30, 7)]
    for each in documents:
        tenant.client.v1.invoice_items.delete(str(each.document))
    left = [True]

    def die() -> None:
        if not left:
            raise ProcessDied
        left.pop()

    reading = Reading(tenant.pipeline.clock(), "here")
    with tenant.pipeline.database.connect() as connection, pytest.raises(ProcessDied):
        find_losses(connection, tenant.pipeline.gateway, {tenant.customer: True}, reading, die)
    assert [number for number, _ in tenant.pipeline.rows(FOUND)] == [documents[0].proposal_id]
    assert (lost(tenant), lost(tenant)) == (1, 0)
    assert [number for number, _ in tenant.pipeline.rows(FOUND)] == [each.proposal_id for each in documents]
    what = of_readings(propose(tenant)).what
    assert (what.old_quantity, what.new_quantity, what.amount) == (Decimal(120), Decimal(157), 37)


@pytest.mark.parametrize("table", ["correction_losses", "correction_arrivals"])
def test_what_became_of_a_document_is_of_a_written_one_and_stays_on_record(tenant: InvoicedTenant, table: str) -> None:
    first = corrected(tenant)
    late_file(tenant, 7)
    proposed = of_readings(propose(tenant))
    add = f"insert into fridge.{table} (proposal_id, found_at, answer, run_id) values (%s, now(), 'x', 'x')"
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match=f"{proposed.proposal_id} was not written"),
        tenant.pipeline.database.connect() as connection,
    ):
        connection.execute(add.encode(), [proposed.proposal_id])
    with tenant.pipeline.database.connect() as connection:
        connection.execute(add.encode(), [first.proposal_id])
    for act in (f"update fridge.{table} set answer = 'y'", f"delete from fridge.{table}", f"truncate fridge.{table}"):
        with (
            pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)),
            tenant.pipeline.database.owned.connect() as connection,
        ):
            connection.execute(act.encode())


NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("read", "fate"),
    [
        ({"deleted": True}, Fate.LOST),
        ({"invoice": None}, Fate.WAITS),
        ({"invoice": {"id": "in_1", "status": "draft"}}, Fate.WAITS),
        ({"invoice": {"id": "in_1", "deleted": True}}, Fate.WAITS),
        ({"invoice": {"id": "in_1", "status": "uncollectible"}}, Fate.WAITS),
        ({"invoice": {"id": "in_1", "status": "void"}}, Fate.LOST),
        ({"invoice": {"id": "in_1", "status": "paid"}}, Fate.ARRIVED),
        ({"status": "void", "invoice": {"id": "in_1", "status": "paid"}}, Fate.LOST),
    ],
)
def test_an_invoice_item_is_lost_only_if_stripe_says_so(read: dict[str, object], fate: Fate) -> None:
    assert standing({"id": "ii_1", **read}, NOW).fate is fate


def test_an_invoice_that_was_not_paid_for_95_days_is_not_awaited_for_ever() -> None:
    for since, fate in ((VOIDED_WITHIN, Fate.WAITS), (VOIDED_WITHIN + timedelta(seconds=1), Fate.ARRIVED)):
        final = {"finalized_at": int((NOW - since).timestamp())}
        read = {"id": "ii_1", "invoice": {"id": "in_1", "status": "open", "status_transitions": final}}
        assert standing(read, NOW).fate is fate
