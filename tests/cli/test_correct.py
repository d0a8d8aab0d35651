"""``fridge correct``: what it prints, in two steps by two people, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

from tests.console_script import Run
from tests.invoices.account import InvoicedTenant
from tests.pipeline import Pipeline


def with_thirty_not_invoiced(pipeline: Pipeline) -> InvoicedTenant:
    """A tenant whose invoice of 90 was final when 30 more came."""
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(unit_amount=3))
    tenant.use(3, 90)
    tenant.settled()
    tenant.use(20, 30)
    tenant.read()
    return tenant


def test_correct_proposes_with_the_money_and_a_second_person_writes_it_to_stripe(run: Run, pipeline: Pipeline) -> None:
    tenant = with_thirty_not_invoiced(pipeline)
    month = f"{tenant.start:%Y-%m}"
    nobody = run("correct", month)
    assert (nobody.returncode, "name yourself with --as LOGIN" in nobody.stderr) == (1, True)
    proposed = run("correct", month, "--as", "ada")
    assert (proposed.returncode, proposed.stderr) == (0, "")
    row = next(line for line in proposed.stdout.splitlines() if "temperature_readings" in line and "cohoes" in line)
    assert all(each in row for each in ("90", "120", "+30", "+0.90 USD", "invoice_item", "after_finalization"))
    assert "fridge correct --approve 1 --as LOGIN" in proposed.stdout
    (told,) = json.loads(run("correct", month, "--as", "ada", "--json").stdout)["corrections"]
    assert (told["proposal_id"], told["delta"], told["amount"], told["state"]) == (1, "30", 90, "proposed")
    alone = run("correct", "--approve", "1", "--as", "ada")
    assert (alone.returncode, "another operator or approver approves" in alone.stderr) == (1, True)
    done = run("correct", "--approve", "1", "--as", "grace")
    (item,) = tenant.client.v1.invoice_items.list({"customer": tenant.customer}).data
    assert (done.returncode, done.stderr, item.amount) == (0, "", 90)
    assert done.stdout == (f"correction 1: invoice_item {item.id} over 0.90 USD for {tenant.customer}, made\n")
    assert "is in Stripe already" in run("correct", "--approve", "1", "--as", "grace").stderr
    late, first = (run("explain", "cohoes", tenant.hour(number).key).stdout for number in (20, 0))
    assert "quantity 90, 2.70 USD; the period: 90 invoiced, usage 120, after_finalization" in late
    assert f"corrected by {item.id}" in late
    invoice_id = pipeline.one("select invoice_id from fridge.corrections")
    told = run("explain", "--invoice", invoice_id).stdout
    assert f"correction 1 of temperature_readings (written): +30, +0.90 USD by invoice_item, {item.id}" in told
    assert f"not_invoiced of temperature_readings invoiced_by_hand +30 by {item.id}; ada and grace" in first
    assert run("correct").returncode == run("correct", month, "--approve", "1").returncode == 2
    off = run("correct", month, FRIDGE_INVOICES="off")
    assert (off.returncode, "set it to watch" in off.stderr) == (1, True)


def test_what_somebody_has_made_of_the_document_in_stripe_stands_beside_what_was_approved(
    run: Run, pipeline: Pipeline
) -> None:
    tenant = with_thirty_not_invoiced(pipeline)
    month = f"{tenant.start:%Y-%m}"
    run("correct", month, "--as", "ada")
    run("correct", "--approve", "1", "--as", "grace")
    (item,) = tenant.client.v1.invoice_items.list({"customer": tenant.customer}).data
    changed: Any = {"amount": 7}
    tenant.client.v1.invoice_items.update(item.id, changed)
    tenant.read()
    (told,) = json.loads(run("correct", month, "--as", "ada", "--json").stdout)["corrections"]
    assert (told["proposal_id"], told["amount"], told["amount_in_stripe"]) == (2, 83, None)
    explained = run("explain", "--invoice", told["invoice"]).stdout
    assert f"+0.90 USD by invoice_item, {item.id} which is +0.07 USD in Stripe now" in explained


def test_whether_anything_is_to_be_corrected_is_not_known_before_invoices_were_read(
    run: Run, pipeline: Pipeline
) -> None:
    tenant = InvoicedTenant(pipeline)
    tenant.subscribe(tenant.price(), tenant.price("active_sensors"))
    tenant.use(3, 90)
    month = f"{tenant.start:%Y-%m}"
    not_known = run("correct", month)
    assert (not_known.returncode, not_known.stdout) == (
        0,
        "no invoice was read yet: fridge invoices --read-stripe reads them now\n",
    )
    tenant.settled()
    known = run("correct", month)
    assert (
        known.returncode,
        known.stdout.startswith(f"Nothing is to be corrected in {month}; invoices were read"),
    ) == (
        0,
        True,
    )
