"""Drafts are held until their hours are delivered, never without a time, and never against somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter
from fridge_pipeline.corrections.settle import Decision, settle_exceptions
from fridge_pipeline.database.run import AtFailpoint, Failpoint, pass_by
from fridge_pipeline.invoices.hold_drafts import HoldOrder, HoldReport, days_to_hold, hold_drafts
from fridge_pipeline.invoices.hold_record import held_drafts
from fridge_pipeline.invoices.rules.hold_draft import HoldAct
from fridge_pipeline.operations.alerts import AlertScope, find_alerts, incomplete_drafts
from fridge_pipeline.operations.rules.alert import AlertMemory, Family
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.invoice_reads import drafts
from fridge_pipeline.stripe.rules.api_key import ApiKey
from tests.billing.test_meters_made_anew import make_anew
from tests.invoices.account import InvoicedTenant
from tests.pipeline import CLOSE_AFTER, Pipeline, ProcessDied, dies_after, gateway_to, readings

LONGEST = timedelta(hours=48)
EFFECTS = (Failpoint.HOLD_INTENDED, Failpoint.HOLD_ANSWERED, Failpoint.HOLD_WRITTEN)


@pytest.fixture
def tenant(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant with five readings in the first day, whose draft has just appeared."""
    found = InvoicedTenant(pipeline)
    found.subscribe(found.price())
    found.use(3, 5)
    after_the_end(found, minutes=20)
    return found


def after_the_end(tenant: InvoicedTenant, **by: float) -> None:
    """Goes to so long after the end of the first day."""
    tenant.go(tenant.start + timedelta(days=1) + timedelta(**by))


def hold(
    tenant: InvoicedTenant, at_failpoint: AtFailpoint = pass_by, *, writes: bool = True, unloaded: Sequence[Hour] = ()
) -> HoldReport:
    """Reads the invoices, and holds."""
    tenant.read()
    line = tenant.pipeline
    return hold_drafts(line.as_run(at_failpoint), lambda: line.gateway, HoldOrder(LONGEST, writes, unloaded))


def invoice(tenant: InvoicedTenant) -> Any:
    """The invoice of the first day, as Stripe has it."""
    (first,) = [
        each
        for each in tenant.client.v1.invoices.list({"limit": 100}).data
        if each.created < (tenant.start + timedelta(hours=30)).timestamp()
    ]
    return first


def final_after(tenant: InvoicedTenant) -> timedelta:
    """How long after the period's end Stripe will make the draft final."""
    return timedelta(seconds=invoice(tenant).automatically_finalizes_at - (tenant.start.timestamp() + 86_400))


def edit(tenant: InvoicedTenant, **told: Any) -> None:
    """Somebody else does something to the draft."""
    asked = {"invoice": invoice(tenant).id, **told}
    requests.post(f"{tenant.pipeline.sandbox.url}/_sandbox/invoices", json=asked, timeout=10).raise_for_status()


def updates(tenant: InvoicedTenant) -> int:
    """How often an invoice was written to."""
    return sum(
        each["method"] == "POST" and each["path"].startswith("/v1/invoices/")
        for each in tenant.pipeline.sandbox.requests()
    )


def acts(tenant: InvoicedTenant) -> list[tuple[str, str | None]]:
    """(act, outcome) of every row on record."""
    return tenant.pipeline.rows("select act, outcome from fridge.invoice_holds order by hold_id")


def plan(report: HoldReport) -> tuple[HoldAct, str]:
    """What is planned for the one draft, and why."""
    (only,) = report.plans.values()
    return only.act, only.why


def test_a_late_file_within_the_hold_is_on_the_invoice(tenant: InvoicedTenant) -> None:
    """Without it the invoice would have been final eight hours before, with 5."""
    hour = tenant.hour(20)
    tenant.pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 7))
    report = hold(tenant, unloaded=[hour])
    assert report.written == {HoldAct.HOLD: 1}
    assert plan(report) == (HoldAct.HOLD, "it waits for 1 hour of usage that Stripe has not accepted yet")
    assert final_after(tenant) == LONGEST
    assert invoice(tenant).auto_advance
    after_the_end(tenant, hours=9)
    assert invoice(tenant).status == "draft"
    tenant.pipeline.run(hour)
    assert plan(hold(tenant))[0] is HoldAct.WAIT, "Stripe has not had its hour"
    after_the_end(tenant, hours=10, minutes=5)
    assert hold(tenant).written == {HoldAct.RELEASE: 1}
    after_the_end(tenant, hours=10, minutes=21)
    final = invoice(tenant)
    assert (final.status, final.lines.data[0].quantity) == ("paid", 12)
    tenant.read()
    tenant.compare()
    assert tenant.rows() == [(12, 12, 12, None, None)]
    assert acts(tenant) == [("hold", None), ("hold", "done"), ("release", None), ("release", "done")]


def test_a_held_draft_is_not_final_before_it_would_have_been_by_itself(pipeline: Pipeline) -> None:
    """All is delivered after an hour, and a late file comes within the account's own grace."""
    pipeline.sandbox.settings(finalization_grace_seconds=24 * 3600)
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price())
    tenant.use(3, 5)
    for minutes in (20, 180):
        after_the_end(tenant, minutes=minutes)
        hold(tenant)
    assert "Stripe itself would wait until" in plan(hold(tenant))[1]
    after_the_end(tenant, hours=5)
    tenant.use(20, 7)
    after_the_end(tenant, hours=24)
    assert hold(tenant).written == {HoldAct.RELEASE: 1}
    after_the_end(tenant, hours=24, minutes=16)
    assert (invoice(tenant).status, invoice(tenant).lines.data[0].quantity) == ("paid", 12)


def test_an_hour_that_stays_undelivered_holds_the_draft_until_its_time_and_no_longer(tenant: InvoicedTenant) -> None:
    for hours in (0.4, 9, 30, 47.9):
        after_the_end(tenant, hours=hours)
        hold(tenant, unloaded=[tenant.hour(20)])
        assert (invoice(tenant).status, final_after(tenant)) == ("draft", LONGEST)
    after_the_end(tenant, hours=48, minutes=1)
    assert invoice(tenant).status == "paid"
    assert updates(tenant) == 1


def test_a_draft_that_stripe_does_not_let_go_is_final_at_its_time(tenant: InvoicedTenant) -> None:
    """How far ahead the time has to be is not known of Stripe; refused once, it is tried again with a later one."""
    hold(tenant)
    tenant.pipeline.sandbox.settings(shortest_schedule_seconds=3600)
    for hours in (3, 4):
        after_the_end(tenant, hours=hours)
        assert "automatically_finalizes_at" in (hold(tenant).not_done or "")
    assert (invoice(tenant).status, final_after(tenant)) == ("draft", LONGEST)
    assert acts(tenant)[2:] == [("release", None), ("release", "failed")] * 2
    after_the_end(tenant, hours=48, minutes=1)
    assert invoice(tenant).status == "paid"


def test_what_is_not_counted_not_stated_or_not_in_stripes_sums_keeps_the_draft(tenant: InvoicedTenant) -> None:
    """Each of them alone: the ledger first, then Stripe."""
    hold(tenant)
    after_the_end(tenant, hours=3)
    line, hour = tenant.pipeline, tenant.hour(20)
    line.land(hour, "late.csv", readings("cohoes", hour, 1, 7, start=50))
    line.load(hour)
    assert "1 hour of usage" in plan(hold(tenant))[1], "loaded, and not counted"
    line.count(hour)
    assert "1 hour of usage" in plan(hold(tenant))[1], "counted, and not stated"
    line.bill(hour)
    line.sandbox.settings(lag_seconds=7200)
    after_the_end(tenant, hours=4, minutes=10)
    assert "Stripe's sum of temperature_readings, 5, to be the accepted 12" in plan(hold(tenant))[1]
    line.sandbox.settings(lag_seconds=0)
    assert plan(hold(tenant))[0] is HoldAct.RELEASE


def test_a_draft_whose_sums_stripe_refuses_keeps_no_other_from_being_let_go(pipeline: Pipeline) -> None:
    tenant = InvoicedTenant(pipeline)
    price = tenant.price()
    tenant.subscribe(price)
    wish: Any = {"customer": pipeline.add_tenant("troy"), "items": [{"price": price}]}
    tenant.client.v1.subscriptions.create(wish)
    tenant.use(3, 5)
    after_the_end(tenant, minutes=20)
    assert hold(tenant).written == {HoldAct.HOLD: 2}
    after_the_end(tenant, hours=3)
    fault = {"kind": "refuse", "endpoint": "/v1/billing/meters/{id}/event_summaries", "message": "No such customer"}
    pipeline.sandbox.faults(fault)
    report = hold(tenant)
    assert ("No such customer" in (report.not_done or ""), report.written) == (True, {HoldAct.RELEASE: 1})


@pytest.mark.parametrize("failpoint", EFFECTS)
@pytest.mark.parametrize("act", [HoldAct.HOLD, HoldAct.RELEASE])
def test_a_process_that_dies_between_two_effects_holds_and_lets_go_once(
    tenant: InvoicedTenant, act: HoldAct, failpoint: Failpoint
) -> None:
    if act is HoldAct.RELEASE:
        hold(tenant)
        after_the_end(tenant, hours=3)
    before = updates(tenant)
    with pytest.raises(ProcessDied):
        hold(tenant, dies_after(failpoint))
    hold(tenant)
    hold(tenant)
    told = tenant.pipeline.rows(
        "select act, count(*) filter (where answers is null), count(*) filter (where outcome is not null)"
        " from fridge.invoice_holds where act = %s group by act",
        act.value,
    )
    assert told == [(act.value, 1, 1)]
    assert updates(tenant) - before == 1
    assert final_after(tenant) == (LONGEST if act is HoldAct.HOLD else timedelta(hours=3, minutes=15))


def test_two_installations_do_not_fight_over_a_draft(tenant: InvoicedTenant) -> None:
    """The second one finds the first one's mark; and where both write at once, Stripe refuses the second."""
    hold(tenant)
    mark = invoice(tenant).metadata["fridge_held_by"]
    with tenant.pipeline.database.connect() as connection:
        assert mark.startswith(connection.execute("select left(md5(fridge.present_place()), 12)").fetchone()[0])  # type: ignore[index]
    edit(tenant, metadata={"fridge_held_by": "another:1"})
    before = updates(tenant)
    after_the_end(tenant, hours=3)
    assert plan(hold(tenant)) == (
        HoldAct.LEAVE,
        "another installation holds it: its metadata say another:1",
    )
    assert updates(tenant) == before
    with tenant.pipeline.database.connect() as connection:
        (said,) = held_drafts(connection)
    assert (said.act, said.tenant_id, said.detail) == ("leave", "cohoes", plan(hold(tenant))[1])
    assert acts(tenant) == [("hold", None), ("hold", "done"), ("leave", None)]


def test_of_two_that_write_at_once_one_holds_the_draft(tenant: InvoicedTenant) -> None:
    def other_writes(failpoint: Failpoint) -> None:
        if failpoint is Failpoint.HOLD_INTENDED:
            moment = int((tenant.start + timedelta(days=1) + LONGEST).timestamp())
            told: Any = {
                "auto_advance": True,
                "automatically_finalizes_at": moment,
                "metadata": {"fridge_held_by": "another:1"},
            }
            key = f"fridge-hold:{invoice(tenant).id}:1:0"
            tenant.client.v1.invoices.update(invoice(tenant).id, told, {"idempotency_key": key})

    assert "Idempotency" in (hold(tenant, other_writes).not_done or "")
    assert invoice(tenant).metadata["fridge_held_by"] == "another:1"
    assert plan(hold(tenant))[0] is HoldAct.LEAVE


@pytest.mark.parametrize(
    ("told", "claimed", "why"),
    [
        ({"auto_advance": False}, "not yet", "its automatic finalization is switched off"),
        ({"auto_advance": False}, "by us", "its automatic finalization is switched off"),
        ({"automatically_finalizes_at": 5_000}, "not yet", "somebody has scheduled it for"),
        ({"automatically_finalizes_at": 5_000}, "by us", "somebody has moved it from"),
        ({"metadata": {"fridge_held_by": None}}, "by us", "somebody has taken our mark off"),
    ],
)
def test_a_draft_that_somebody_else_has_scheduled_is_left_alone_and_said(
    tenant: InvoicedTenant, told: dict[str, Any], claimed: str, why: str
) -> None:
    if claimed == "by us":
        hold(tenant)
    if "automatically_finalizes_at" in told:
        told = {"automatically_finalizes_at": int(tenant.pipeline.clock().timestamp()) + 20_000}
    edit(tenant, **told)
    before = updates(tenant)
    for minutes in (25, 30):
        after_the_end(tenant, minutes=minutes)
        act, said = plan(hold(tenant))
        assert (act, why in said) == (HoldAct.LEAVE, True), said
    assert updates(tenant) == before
    assert [each for each in acts(tenant) if each[0] == "leave"] == [("leave", None)]


def test_watching_shows_the_same_plan_and_writes_nothing(tenant: InvoicedTenant) -> None:
    watched = hold(tenant, writes=False)
    assert (watched.written, updates(tenant), acts(tenant)) == ({}, 0, [])
    assert invoice(tenant).metadata.to_dict() == {}
    assert hold(tenant).plans == watched.plans


def test_a_key_that_may_not_write_is_said_and_the_draft_is_held_once_it_may(tenant: InvoicedTenant) -> None:
    key = "rk_test_reader"
    tenant.pipeline.sandbox.settings(key_may_not={key: ["rak_invoice_write"]})
    tenant.pipeline.gateway = gateway_to(tenant.pipeline.sandbox.url, ApiKey(key))
    report = hold(tenant)
    assert report.is_refused
    assert "rak_invoice_write" in (report.not_done or "")
    tenant.use(23, 5)
    assert tenant.pipeline.stripe_totals("cohoes")["temperature_readings", tenant.hour(23).key] == 5
    tenant.pipeline.sandbox.settings(key_may_not={})
    assert hold(tenant).written == {HoldAct.HOLD: 1}
    assert acts(tenant) == [("hold", None), ("hold", "failed"), ("hold", "done")]


def test_the_sensor_wants_a_run_when_a_draft_is_to_be_held_or_let_go_and_only_then(tenant: InvoicedTenant) -> None:
    def wanted() -> int:
        line = tenant.pipeline
        days, _ = days_to_hold(line.as_run(), drafts(line.gateway, lambda: None), LONGEST)
        return len(days)

    tenant.read()
    assert wanted() == 1
    hold(tenant)
    assert wanted() == 0
    after_the_end(tenant, hours=2)
    assert wanted() == 1
    hold(tenant)
    assert wanted() == 0


def test_a_draft_is_told_of_before_it_is_final_without_an_hour_of_its_period_and_no_longer_once_it_has_it(
    tenant: InvoicedTenant,
) -> None:
    """Of Stripe's own hour of grace forty minutes are left."""
    line, hour = tenant.pipeline, tenant.hour(20)

    def told() -> list[str]:
        scope = AlertScope(list, timedelta(hours=3), flies_canary=False, close_after=CLOSE_AFTER)
        scan = find_alerts(line.database, line.catalogue, scope, AlertMemory(), line.clock())
        assert Family.DRAFTS in scan.scanned
        return [alert.text.partition(" UTC")[0] for alert in scan.alerts if alert.family is Family.DRAFTS]

    tenant.read()
    assert told() == []
    line.land(hour, "late.csv", readings("cohoes", hour, 1, 7))
    line.load(hour)
    line.count(hour)
    final = f"{tenant.start + timedelta(days=1, hours=1, minutes=15):%Y-%m-%d %H:%M}"
    assert told() == [f"{invoice(tenant).id} of {tenant.customer}: 1 hour, final at {final}"]
    line.bill(hour)
    assert told() == []


def test_what_an_archived_meter_has_of_an_hour_that_was_sent_whole_to_the_next_one_keeps_no_draft(
    pipeline: Pipeline,
) -> None:
    """A person has said that it is on no price, so the draft does not bill it."""
    tenant = InvoicedTenant(pipeline)
    tenant.use(3, 5)
    make_anew(pipeline, CATALOGUE[0])
    hour, now = tenant.hour(3), pipeline.clock() + timedelta(hours=1)
    tenant.go(tenant.start)
    tenant.subscribe(tenant.price())
    tenant.go(now)
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 7, start=9))
    pipeline.run(hour)
    (number,) = pipeline.rows("select exception_id from fridge.open_exceptions where kind = 'refused'")
    settle_exceptions(pipeline.as_run(), number, Decision(How.STATE_AGAIN, "the old one is on no price"))
    pipeline.run(hour)
    after_the_end(tenant, minutes=20)
    assert hold(tenant).written == {HoldAct.HOLD: 1}
    after_the_end(tenant, hours=2)
    report = hold(tenant)
    assert report.written == {HoldAct.RELEASE: 1}, plan(report)
    after_the_end(tenant, hours=3)
    assert invoice(tenant).lines.data[0].quantity == 12


def test_a_draft_of_a_name_that_is_back_waits_for_its_own_hours_and_not_for_those_of_the_other_name(
    tenant: InvoicedTenant,
) -> None:
    """The first ones are of before it was away."""
    line = tenant.pipeline
    with line.database.connect() as connection:
        for name, number in (("readings_stored", 10), (CATALOGUE[0].event_name, 30)):
            connection.execute(
                "insert into fridge.meter_turns (event_name, measure, bill_from, entered_at) values (%s, %s, %s, %s)",
                (name, CATALOGUE[0].measure.name, tenant.hour(number).start, line.clock()),
            )
    waits = {}
    for number in (20, 3):
        hour = tenant.hour(number)
        line.land(hour, "late.csv", readings("cohoes", hour, 1, 7, start=9))
        line.load(hour)
        line.count(hour)
        waits[number] = plan(hold(tenant, writes=False))[1].split(" since")[0]
    assert waits == {
        20: "it waits for an hour to pass",
        3: "it waits for 1 hour of usage that Stripe has not accepted yet",
    }


def test_a_draft_of_a_meter_that_left_the_catalogue_is_held_until_the_meter_is_back(tenant: InvoicedTenant) -> None:
    """Somebody has left its block out of the file: a late file's readings are stated once it stands there again."""
    line, hour = tenant.pipeline, tenant.hour(20)
    line.catalogue = CATALOGUE[1:]
    line.land(hour, "late.csv", readings("cohoes", hour, 1, 7))
    line.run(hour)
    tenant.read()
    with line.database.connect() as connection:
        assert [each.hours for each in incomplete_drafts(connection, line.catalogue, line.clock())] == [1]
    assert hold(tenant).written == {HoldAct.HOLD: 1}
    after_the_end(tenant, hours=9)
    assert invoice(tenant).status == "draft"
    line.catalogue = CATALOGUE
    line.run(hour)
    after_the_end(tenant, hours=10, minutes=5)
    assert hold(tenant).written == {HoldAct.RELEASE: 1}
    after_the_end(tenant, hours=10, minutes=21)
    assert (invoice(tenant).status, invoice(tenant).lines.data[0].quantity) == ("paid", 12)


@pytest.mark.parametrize("left", [CATALOGUE[1:], (replace(CATALOGUE[0], event_name="readings_stored"), CATALOGUE[1])])
def test_a_draft_of_a_meter_that_left_the_catalogue_waits_until_stripe_counts_what_was_stated_to_it(
    tenant: InvoicedTenant, left: tuple[Meter, ...]
) -> None:
    line = tenant.pipeline
    line.sandbox.settings(lag_seconds=24 * 3600)
    tenant.use(20, 7)
    for meter in left[:-1]:
        line.gateway.create_meter(meter)
    line.catalogue = left
    assert hold(tenant).written == {HoldAct.HOLD: 1}
    after_the_end(tenant, hours=2)
    assert plan(hold(tenant))[1].endswith("for Stripe's sum of temperature_readings, 0, to be the accepted 12")
    line.sandbox.settings(lag_seconds=0)
    after_the_end(tenant, hours=3)
    assert hold(tenant).written == {HoldAct.RELEASE: 1}
