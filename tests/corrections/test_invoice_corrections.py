"""What missed its invoice reaches the customer once, by a document that two people stand for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import requests

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.corrections import write_correction
from fridge_pipeline.corrections.correction_record import CorrectionRecord
from fridge_pipeline.corrections.propose import CorrectionRefusedError, ProposalReport, propose_corrections
from fridge_pipeline.corrections.rules.settlement import SettlementRefusedError
from fridge_pipeline.corrections.settle import Decision, Settlement, approve_settlements, settle_exceptions
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.corrections.write_correction import approve_correction
from fridge_pipeline.database.connection import NotEntitledError
from fridge_pipeline.database.run import AtFailpoint, Failpoint, pass_by
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.gateway import StripeCallError
from fridge_pipeline.stripe.rules.api_key import ApiKey
from fridge_pipeline.stripe.rules.correction import DocumentKind
from fridge_pipeline.stripe.writes import documents_there
from tests.invoices.account import InvoicedTenant
from tests.people import signed_in
from tests.pipeline import Pipeline, ProcessDied, dies_after, gateway_to


def late_file(tenant: InvoicedTenant, rows: int = 30) -> None:
    """Readings that Stripe counts and the invoice does not."""
    tenant.use(20, rows)
    tenant.read()


def taken_out(tenant: InvoicedTenant, number: int, file: int) -> None:
    """A landing file is withdrawn and its hour restated, after the invoice was final."""
    line, hour = tenant.pipeline, tenant.hour(number)
    zone = LocalLanding(str(line.landing))
    withdraw_file(line.database, zone, f"{hour.folder}/{file}.csv", "a test bench", "ada", line.clock)
    line.run(hour)
    tenant.read()


def propose(tenant: InvoicedTenant, login: str = "ada") -> ProposalReport:
    """Runs the step, signed in as a person."""
    run = replace(tenant.pipeline.as_run(), database=signed_in(tenant.pipeline.database, login))
    return propose_corrections(run, Month.containing(tenant.start))


def approve(
    tenant: InvoicedTenant, proposal_id: int, login: str = "grace", at_failpoint: AtFailpoint = pass_by
) -> CorrectionRecord:
    """Runs the step, signed in as another person."""
    run = replace(tenant.pipeline.as_run(at_failpoint), database=signed_in(tenant.pipeline.database, login))
    return approve_correction(run, lambda: tenant.pipeline.gateway, proposal_id)


def items(tenant: InvoicedTenant) -> list[Any]:
    """The invoice items that Stripe has."""
    return list(tenant.client.v1.invoice_items.list({"customer": tenant.customer}).data)


def notes(tenant: InvoicedTenant) -> list[Any]:
    """The credit notes that Stripe has."""
    return list(tenant.client.v1.credit_notes.list().data)


def owed(tenant: InvoicedTenant) -> list[tuple[Any, ...]]:
    """The exceptions about invoices that are open."""
    return tenant.pipeline.rows(
        "select kind from fridge.open_exceptions where kind in ('not_invoiced', 'invoiced_too_much')"
        " and subject = 'temperature_readings'"
    )


def of_readings(report: ProposalReport) -> CorrectionRecord:
    """The proposal of the meter that has a price."""
    (found,) = [each for each in report.corrections if each.what.event_name == "temperature_readings"]
    return found


def test_a_late_file_becomes_an_invoice_item_at_its_tier_that_the_next_invoice_carries_and_ends_the_exception(
    tenant: InvoicedTenant,
) -> None:
    late_file(tenant)
    found = of_readings(propose(tenant))
    what = found.what
    assert (what.old_quantity, what.new_quantity, what.delta) == (Decimal(120), Decimal(150), Decimal(30))
    assert (what.amount, what.currency) == (30, "usd")
    assert (found.state, items(tenant), owed(tenant)) == ("proposed", [], [("not_invoiced",)])
    done = approve(tenant, found.proposal_id)
    (item,) = items(tenant)
    assert (done.state, done.document, item.amount, item.currency) == ("written", item.id, 30, "usd")
    assert (item.metadata["fridge_correction"], item.discountable) == (found.key, False)
    assert owed(tenant) == []
    assert tenant.pipeline.rows("select how, quantity, document, settled_by, approved_by from fridge.settlements") == [
        ("invoiced_by_hand", 30, item.id, "ada", "grace")
    ]
    assert tenant.pipeline.rows("select * from fridge.settled_usage") == [], "Stripe was told all of it"
    tenant.go(tenant.start + timedelta(hours=51))
    tenant.read()
    tenant.compare()
    newest = tenant.client.v1.invoices.list({"customer": tenant.customer}).data[0]
    assert [
        line.amount for line in newest.lines.data if line.parent and line.parent.type == "invoice_item_details"
    ] == [30]
    assert owed(tenant) == []
    assert propose(tenant).corrections[0].state == "written"


def test_what_was_invoiced_too_much_becomes_a_credit_note_by_amount_without_a_mail(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    found = of_readings(propose(tenant))
    assert (found.what.delta, found.what.amount, found.what.kind) == (Decimal(-30), -90, DocumentKind.CREDIT_NOTE)
    assert sum(found.what.lines.values()) == 90
    assert owed(tenant) == [("invoiced_too_much",)]
    done = approve(tenant, found.proposal_id)
    (note,) = notes(tenant)
    assert (note.id, note.number, note.amount) == (done.document, done.document_number, 90)
    sent = [each["fields"] for each in tenant.pipeline.sandbox.requests() if each["path"] == "/v1/credit_notes"]
    assert [each["email_type"] for each in sent if "email_type" in each] == ["none"]
    assert all(line.quantity is None for line in note.lines.data)
    assert owed(tenant) == []
    assert tenant.pipeline.rows("select how, quantity, document from fridge.settlements") == [
        ("credited", -30, note.id)
    ]


@pytest.mark.parametrize("shows", ["usage", "packages"])
def test_of_packages_the_same_is_told_proposed_and_settled_however_the_invoice_shows_them(
    pipeline: Pipeline, shows: str
) -> None:
    pipeline.sandbox.settings(payment="open", package_line_quantity=shows)
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(unit_amount=10, transform_quantity={"divide_by": 25, "round": "up"}))
    tenant.use(3, 90)
    tenant.use(20, 30)
    tenant.settled()
    taken_out(tenant, 20, 2)
    what = (found := of_readings(propose(tenant))).what
    assert owed(tenant) == [("invoiced_too_much",)]
    assert (what.old_quantity, what.new_quantity, what.amount) == (Decimal(120), Decimal(90), -10)
    assert (approve(tenant, found.proposal_id).state, owed(tenant)) == ("written", [])
    assert notes(tenant)[0].memo.endswith(": 90 instead of 120")
    late_file(tenant, 20)
    tenant.compare()
    second = of_readings(propose(tenant)).what
    assert (second.old_quantity, second.new_quantity, second.amount) == (Decimal(90), Decimal(110), 10)
    assert tenant.pipeline.rows("select how, quantity from fridge.settlements") == [("credited", -30)]


def test_later_changes_are_corrected_by_the_difference_alone_and_add_up_to_the_tiers_of_the_whole(
    tenant: InvoicedTenant,
) -> None:
    """30 late, then 7 more, then the 30 are taken out again: 127 stay, and 7 are paid for."""
    late_file(tenant)
    approve(tenant, of_readings(propose(tenant)).proposal_id)
    late_file(tenant, 7)
    tenant.compare()
    assert owed(tenant) == [("not_invoiced",)]
    second = of_readings(propose(tenant))
    assert (second.what.old_quantity, second.what.new_quantity, second.what.amount) == (Decimal(150), Decimal(157), 7)
    approve(tenant, second.proposal_id)
    taken_out(tenant, 20, 3)
    tenant.compare()
    assert owed(tenant) == [("invoiced_too_much",)]
    third = of_readings(propose(tenant))
    assert (third.what.old_quantity, third.what.new_quantity, third.what.amount) == (Decimal(157), Decimal(127), -30)
    approve(tenant, third.proposal_id)
    assert owed(tenant) == []
    assert sum(each.amount for each in items(tenant)) - sum(each.amount for each in notes(tenant)) == 7


def test_a_second_credit_takes_what_the_first_has_left_of_the_lines(tenant: InvoicedTenant) -> None:
    """The lines are 200, 20 and 50: a note of 90 takes the last two and 20 of the first, the next one all the rest."""
    for number, file, amount, left in ((20, 2, 90, 180), (3, 1, 180, 0)):
        taken_out(tenant, number, file)
        found = of_readings(propose(tenant))
        assert (found.what.amount, 270 - sum(each.amount for each in notes(tenant)) - amount) == (-amount, left)
        assert approve(tenant, found.proposal_id).state == "written"
    assert owed(tenant) == []


#: Everything that is true of the world in turn, between approval and the last row.
EFFECTS = (Failpoint.STAGED, Failpoint.MARKED_SENT, Failpoint.ANSWERED, Failpoint.RECEIPTS_WRITTEN)


@pytest.mark.parametrize("hours", [0, 25], ids=["at once", "when Stripe has forgotten the key"])
def test_a_process_that_dies_at_any_effect_leaves_one_document_and_one_settlement_once_somebody_goes_on(
    tenant: InvoicedTenant, hours: int
) -> None:
    """Four times an invoice item, then four times a credit note of one of the files."""
    for number, (effect, is_credit) in enumerate([(each, credit) for credit in (False, True) for each in EFFECTS], 1):
        if is_credit:
            taken_out(tenant, 20, number - len(EFFECTS) + 2)
        else:
            late_file(tenant, 5)
        found = of_readings(propose(tenant))
        assert found.what.amount == (-5 if is_credit else 5)
        with pytest.raises(ProcessDied):
            approve(tenant, found.proposal_id, at_failpoint=dies_after(effect))
        tenant.go(tenant.pipeline.clock() + timedelta(hours=hours))
        if effect is Failpoint.RECEIPTS_WRITTEN:
            with pytest.raises(CorrectionRefusedError, match="is in Stripe already"):
                approve(tenant, found.proposal_id)
        else:
            assert owed(tenant), "it is not forgotten meanwhile"
            assert of_readings(propose(tenant)).state == "approved"
            assert approve(tenant, found.proposal_id).state == "written"
        assert len(items(tenant)) + len(notes(tenant)) == number
        assert owed(tenant) == []
        assert tenant.pipeline.one("select count(*) from fridge.settlements") == number


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_an_answer_that_never_came_is_looked_for_by_our_mark(tenant: InvoicedTenant, fault: str) -> None:
    late_file(tenant)
    found = of_readings(propose(tenant))
    tenant.pipeline.sandbox.faults({"kind": fault, "endpoint": "/v1/invoiceitems", "method": "POST", "times": 3})
    with pytest.raises(StripeCallError):
        approve(tenant, found.proposal_id)
    tenant.pipeline.sandbox.clear_faults()
    assert approve(tenant, found.proposal_id, "olga").state == "written"
    assert len(items(tenant)) == 1


def test_who_proposed_does_not_approve_nor_does_the_program_and_the_database_says_so(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    with pytest.raises(NotEntitledError, match="name yourself with --as LOGIN"):
        propose_corrections(tenant.pipeline.as_run(), Month.containing(tenant.start))
    found = of_readings(propose(tenant, "bob"))
    with pytest.raises(CorrectionRefusedError, match="bob proposed it"):
        approve(tenant, found.proposal_id, "bob")
    with pytest.raises(NotEntitledError):
        approve(tenant, found.proposal_id, "ada")
    with pytest.raises(NotEntitledError):
        approve_correction(tenant.pipeline.as_run(), lambda: tenant.pipeline.gateway, found.proposal_id)
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match="is not approved"),
        tenant.pipeline.database.connect() as connection,
    ):
        connection.execute(
            "insert into fridge.correction_attempts (proposal_id, begun_at, run_id) values (1, now(), 'x')"
        )
    assert items(tenant) == []


def test_a_proposal_that_fits_no_more_is_refused_with_both_numbers_and_takes_a_new_one(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    old = of_readings(propose(tenant))
    assert of_readings(propose(tenant)).proposal_id == old.proposal_id, "the same is not proposed twice"
    tenant.use(20, 5)
    with pytest.raises(CorrectionRefusedError, match=r"says 120 to 150, 0.30 USD.*now it is 120 to 155, 0.35 USD"):
        approve(tenant, old.proposal_id)
    new = of_readings(propose(tenant))
    with pytest.raises(CorrectionRefusedError, match="fits no more"):
        approve(tenant, old.proposal_id)
    approve(tenant, new.proposal_id)
    assert [item.amount for item in items(tenant)] == [35]


def test_an_invoice_that_is_another_in_stripe_than_was_read_is_refused(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    found = of_readings(propose(tenant))
    tenant.pipeline.sandbox.settings(void_bills_again=False)
    edit_invoice(tenant, act="void")
    with pytest.raises(CorrectionRefusedError, match=r"is void with .* in Stripe, and was paid with"):
        approve(tenant, found.proposal_id)
    assert (items(tenant), tenant.pipeline.rows("select * from fridge.correction_approvals")) == ([], [])


def edit_invoice(tenant: InvoicedTenant, **wish: Any) -> None:
    """What somebody else does to the first day's invoice."""
    invoice = tenant.client.v1.invoices.list({"customer": tenant.customer, "limit": 100}).data[-1]
    url = f"{tenant.pipeline.sandbox.url}/_sandbox/invoices"
    requests.post(url, json={"invoice": invoice.id, **wish}, timeout=20).raise_for_status()


def test_what_was_sent_and_fits_no_more_is_over_only_when_it_can_no_longer_arrive(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    found = of_readings(propose(tenant))
    with pytest.raises(ProcessDied):
        approve(tenant, found.proposal_id, at_failpoint=dies_after(Failpoint.MARKED_SENT))
    tenant.use(20, 5)
    with pytest.raises(CorrectionRefusedError, match="may still arrive"):
        approve(tenant, found.proposal_id)
    assert of_readings(propose(tenant)).state == "approved", "no other one is proposed meanwhile"
    tenant.go(tenant.pipeline.clock() + timedelta(minutes=61))
    with pytest.raises(CorrectionRefusedError, match="now it is 120 to 155"):
        approve(tenant, found.proposal_id)
    with pytest.raises(CorrectionRefusedError, match="is over without a document"):
        approve(tenant, found.proposal_id)
    approve(tenant, of_readings(propose(tenant)).proposal_id)
    assert [item.amount for item in items(tenant)] == [35]


def test_a_document_that_these_books_do_not_know_is_not_made_twice(tenant: InvoicedTenant) -> None:
    """As after the books were restored from a dump that is older than the correction."""
    late_file(tenant)
    found = of_readings(propose(tenant))
    wish = found.wish
    tenant.client.v1.invoice_items.create(
        {
            "customer": tenant.customer,
            "amount": 30,
            "currency": "usd",
            "metadata": {**wish.metadata, "fridge_correction": "another"},
        }
    )
    with pytest.raises(CorrectionRefusedError, match="these books do not know"):
        approve(tenant, found.proposal_id)


def test_what_stripe_itself_bills_on_the_next_invoice_is_not_billed_by_a_correction_as_well(pipeline: Pipeline) -> None:
    """An item is taken off a subscription that goes on: in flexible mode its usage waits as an invoice item."""
    tenant = InvoicedTenant(pipeline)
    prices = []
    for event_name in ("temperature_readings", "active_sensors"):
        meter = pipeline.gateway.known_meter(event_name).meter_id
        monthly = {"interval": "month", "usage_type": "metered", "meter": meter}
        prices.append(tenant.price(event_name, recurring=monthly))
    subscription = tenant.subscribe(*prices, billing_mode={"type": "flexible"})
    tenant.use(3, 90)
    tenant.read()
    of_both = tenant.client.v1.subscription_items.list({"subscription": subscription}).data
    (readings_item,) = [each.id for each in of_both if each.price.id == prices[0]]
    tenant.client.v1.subscriptions.update(subscription, {"items": [{"id": readings_item, "deleted": True}]})
    tenant.read()
    tenant.go(tenant.start + timedelta(hours=40))
    tenant.read()
    found = of_readings(propose(tenant))
    assert (found.what.amount, found.what.cause) == (90, "subscription_ended")
    (waits,) = items(tenant)
    with pytest.raises(CorrectionRefusedError, match=f"{waits.id} waits in Stripe for the customer's next invoice"):
        approve(tenant, found.proposal_id)
    assert [(each.id, each.amount) for each in items(tenant)] == [(waits.id, 90)]


def test_what_has_no_price_is_told_and_not_proposed(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    report = propose(tenant)
    assert [(each.event_name, why) for each, why in report.not_proposed] == [
        ("active_sensors", "create a price of the meter in Stripe and subscribe the customers to it")
    ]


def test_what_was_proposed_approved_and_written_stays_on_record(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    approve(tenant, of_readings(propose(tenant)).proposal_id)
    for table, column in (
        ("proposals", "amount"),
        ("approvals", "proposal_id"),
        ("attempts", "proposal_id"),
        ("documents", "proposal_id"),
    ):
        for act in (
            f"update fridge.correction_{table} set {column} = 9",
            f"delete from fridge.correction_{table}",
            f"truncate fridge.correction_{table}",
        ):
            with (
                pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)),
                tenant.pipeline.database.owned.connect() as connection,
            ):
                connection.execute(act.encode())


def test_nobody_settles_by_a_correction_that_has_not_written_that_document(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    found = of_readings(propose(tenant))
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match="has not written ii_other"),
        tenant.pipeline.database.connect() as connection,
    ):
        connection.execute(
            "insert into fridge.settlement_decisions (exception_id, event_name, how, quantity, document, reason,"
            " proposal_id) select exception_id, subject, 'invoiced_by_hand', 30, 'ii_other', 'x', %s"
            " from fridge.open_exceptions where kind = 'not_invoiced' and subject = 'temperature_readings'",
            [found.proposal_id],
        )


def test_a_key_that_may_not_write_leaves_the_approval_and_another_key_finishes_it(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    found = of_readings(propose(tenant))
    tenant.pipeline.sandbox.settings(key_may_not={"rk_test_reader": ["rak_invoice_write"]})
    reader = gateway_to(tenant.pipeline.sandbox.url, ApiKey("rk_test_reader"))
    run = replace(tenant.pipeline.as_run(), database=signed_in(tenant.pipeline.database, "grace"))
    with pytest.raises(StripeCallError, match="rak_invoice_write") as refused:
        approve_correction(run, lambda: reader, found.proposal_id)
    assert refused.value.is_key_refused
    tenant.pipeline.sandbox.settings(key_may_not={})
    assert approve(tenant, found.proposal_id).state == "written"
    assert len(items(tenant)) == 1


def settle(tenant: InvoicedTenant, how: How, document: str = "by mail 7") -> Settlement:
    """Ends the one open exception about the invoice's readings by hand."""
    run = replace(tenant.pipeline.as_run(), database=signed_in(tenant.pipeline.database, "olga"))
    exception_id = tenant.pipeline.one(
        "select exception_id from fridge.open_exceptions where kind in ('not_invoiced', 'invoiced_too_much')"
        " and subject = 'temperature_readings'"
    )
    (done,) = settle_exceptions(run, [exception_id], Decision(how, "agreed by mail", document))
    tenant.compare()
    return done


@pytest.mark.parametrize("how", [How.INVOICED_BY_HAND, How.WRITTEN_OFF])
def test_what_missed_its_invoice_is_settled_by_hand_and_only_what_comes_after_it_is_corrected(
    tenant: InvoicedTenant, how: How
) -> None:
    late_file(tenant)
    tenant.compare()
    assert (settle(tenant, how).quantity, owed(tenant)) == (30, [])
    assert tenant.pipeline.one("select (places -> 0 ->> 'amount')::int from fridge.settlements") == 30
    assert propose(tenant).corrections == []
    assert tenant.pipeline.rows("select * from fridge.settled_usage") == [], "Stripe was told all of it"
    late_file(tenant, 7)
    tenant.compare()
    assert owed(tenant) == [("not_invoiced",)]
    found = of_readings(propose(tenant)).what
    assert (found.old_quantity, found.new_quantity, found.amount) == (Decimal(150), Decimal(157), 7)


def test_what_was_invoiced_too_much_is_credited_by_hand_and_not_by_a_note_as_well(tenant: InvoicedTenant) -> None:
    taken_out(tenant, 20, 2)
    waiting = of_readings(propose(tenant)).proposal_id
    with pytest.raises(SettlementRefusedError, match="is not settled as invoiced_by_hand, but as credited"):
        settle(tenant, How.INVOICED_BY_HAND)
    assert (settle(tenant, How.CREDITED).quantity, owed(tenant)) == (-30, [])
    with pytest.raises(CorrectionRefusedError, match="nothing is left to correct"):
        approve(tenant, waiting)
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match="settlement 1 is of the same usage"),
        signed_in(tenant.pipeline.database, "grace").acting(None) as acting,  # type: ignore[arg-type]
    ):
        acting.execute("insert into fridge.correction_approvals (proposal_id) values (%s)", [waiting])
    assert notes(tenant) == []


def test_a_correction_that_is_on_its_way_is_not_settled_by_hand_as_well(tenant: InvoicedTenant) -> None:
    late_file(tenant)
    found = of_readings(propose(tenant))
    with pytest.raises(ProcessDied):
        approve(tenant, found.proposal_id, at_failpoint=dies_after(Failpoint.ANSWERED))
    with pytest.raises(SettlementRefusedError, match="is approved and not in Stripe yet"):
        settle(tenant, How.INVOICED_BY_HAND)
    assert approve(tenant, found.proposal_id).state == "written"
    assert tenant.pipeline.rows("select how, quantity from fridge.settlements") == [("invoiced_by_hand", 30)]


def test_so_much_of_an_invoice_takes_two_people_and_counts_once_the_second_approves(tenant: InvoicedTenant) -> None:
    late_file(tenant, 1200)
    tenant.compare()
    done = settle(tenant, How.WRITTEN_OFF)
    assert (done.quantity, done.waits, owed(tenant)) == (1200, True, [("not_invoiced",)])
    run = replace(tenant.pipeline.as_run(), database=signed_in(tenant.pipeline.database, "grace"))
    approve_settlements(run, [done.settlement_id])
    tenant.compare()
    assert owed(tenant) == []


def test_a_settlement_that_gets_its_second_person_while_a_correction_is_being_approved_is_not_billed_as_well(
    tenant: InvoicedTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was decided before the correction was proposed, and is approved after that was found to fit."""
    late_file(tenant, 1200)
    tenant.compare()
    settled = settle(tenant, How.INVOICED_BY_HAND, "by mail 7")
    proposal_id = of_readings(propose(tenant)).proposal_id
    run = replace(tenant.pipeline.as_run(), database=signed_in(tenant.pipeline.database, "grace"))

    def meanwhile(*given: Any) -> Any:
        monkeypatch.undo()
        approve_settlements(run, [settled.settlement_id])
        return documents_there(*given)

    monkeypatch.setattr(write_correction, "documents_there", meanwhile)
    with pytest.raises(CorrectionRefusedError, match=f"settlement {settled.settlement_id} is of the same usage"):
        approve(tenant, proposal_id)
    assert items(tenant) == []


def test_what_was_settled_of_an_hour_is_not_owed_by_its_invoice_as_well(tenant: InvoicedTenant) -> None:
    """30 that Stripe has refused are invoiced by hand; of what comes late after that only the 7 are corrected."""
    tenant.pipeline.sandbox.faults({"kind": "refuse", "event_name": "temperature_readings"})
    late_file(tenant)
    exception_id = tenant.pipeline.one("select exception_id from fridge.open_exceptions where kind = 'refused'")
    run = replace(tenant.pipeline.as_run(), database=signed_in(tenant.pipeline.database, "olga"))
    settle_exceptions(run, [exception_id], Decision(How.INVOICED_BY_HAND, "agreed by mail", "by mail 7"))
    tenant.compare()
    assert owed(tenant) == []
    tenant.use(10, 7)
    tenant.read()
    found = of_readings(propose(tenant)).what
    assert (found.old_quantity, found.new_quantity, found.amount) == (Decimal(120), Decimal(127), 7)
    assert "usage 157, accepted 127, settled 30: 7 too little" in tenant.pipeline.one(
        "select detail from fridge.open_exceptions where kind = 'not_invoiced' and subject = 'temperature_readings'"
    )
