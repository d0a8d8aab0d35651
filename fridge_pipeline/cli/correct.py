"""``fridge correct``: documents for what missed its invoice, proposed by one person and approved by another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.cli.invoices import InvoicesOffError
from fridge_pipeline.cli.options import RECORD, MonthKey
from fridge_pipeline.cli.person_option import as_option, sign_in
from fridge_pipeline.cli.terminal import echo, installation
from fridge_pipeline.corrections.correction_record import CorrectionRecord
from fridge_pipeline.corrections.propose import ProposalReport, propose_corrections
from fridge_pipeline.corrections.rules.proposal import Difference
from fridge_pipeline.corrections.write_correction import approve_correction
from fridge_pipeline.difference_causes import invoice_cause_in_words
from fridge_pipeline.installation import Installation
from fridge_pipeline.invoices.rules.hold_draft import InvoiceMode
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.stripe.gateway import StripeCallError
from fridge_pipeline.visible import as_lines, one_line

#: Wide enough that no number is cut, wherever the output goes.
TABLE_WIDTH = 230


class KeyMayNotWriteError(RuntimeError):
    """The key lacks a permission that writing a correction needs."""


@click.command()
@click.argument("month", type=MonthKey(), required=False)
@click.option(
    "--approve", "approved", type=RECORD, multiple=True, metavar="ID", help="Approve this proposal; may be repeated."
)
@as_option()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def correct(month: Month | None, *, approved: tuple[int, ...], login: str | None, as_json: bool) -> None:
    """Propose or approve documents that correct invoices.

    There is one proposal for each period of MONTH for which too little or too much was invoiced. Too little becomes
    an invoice item on the customer's next invoice, too much a credit note. Its amount is what the new quantity
    costs less what the old one costs. Nothing is written to Stripe until another person approves a proposal with
    --approve ID. Then usage and invoice are compared again, the document is made, and it settles the exception. If
    that was interrupted, approve again.

    Invoices are as of the last reading; fridge invoices --read-stripe reads them again. Amounts in JSON are in
    minor units.

    Example: fridge correct 2026-01 --as ada; then fridge correct --approve 1 --as grace
    """
    if (month is None) == (not approved):
        raise click.UsageError("give a MONTH to propose for, or proposals to --approve")
    with installation() as opened:
        if opened.ledger.settings.invoices is InvoiceMode.OFF:
            raise InvoicesOffError("FRIDGE_INVOICES=off: invoices are neither read nor compared; set it to watch")
        sign_in(opened.ledger, login)
        if month is not None:
            report = propose_corrections(opened.ledger.as_run("fridge correct"), month)
        else:
            report = ProposalReport([_approve(opened, each, as_json=as_json) for each in approved], [])
    if as_json:
        corrections = [_fields(each) for each in report.corrections]
        refused = [{**_place(each), "why": why} for each, why in report.not_proposed]
        echo(json.dumps({"corrections": corrections, "not_proposed": refused}, indent=2))
    elif month is not None:
        echo(as_text(report, month))


def _approve(opened: Installation, proposal_id: int, *, as_json: bool) -> CorrectionRecord:
    """Said as soon as it is done: the next one may be refused."""
    try:
        done = approve_correction(opened.ledger.as_run("fridge correct"), opened.stripe.gateway, proposal_id)
    except StripeCallError as error:
        if not error.is_key_refused:
            raise
        raise KeyMayNotWriteError(
            f"correction {proposal_id}: {error}. It takes a key with Invoices: write and Credit notes: write; then run "
            "the same command again"
        ) from error
    if not as_json:
        number = f" ({done.document_number})" if done.document_number else ""
        told = (
            f"correction {proposal_id}: {done.what.kind} {done.document}{number} over "
            f"{money(abs(done.what.amount), done.what.currency)} for {done.what.customer_id}, {done.answer}"
        )
        echo(one_line(told))
    return done


def as_text(report: ProposalReport, month: Month) -> str:
    """What is proposed, what is not and why, and what to do next."""
    lines = []
    if report.corrections:
        table = Table(title=f"Corrections of {month}", title_justify="left")
        for name in ("ID", "tenant", "meter", "period", "invoice", "cause"):
            table.add_column(name, no_wrap=True)
        for name in ("invoiced", "usage", "delta", "amount", "in Stripe"):
            table.add_column(name, justify="right", no_wrap=True)
        for name in ("document", "state"):
            table.add_column(name, no_wrap=True)
        for each in report.corrections:
            table.add_row(*map(one_line, _cells(each)))
        lines = _lines(table)
    for found, why in report.not_proposed:
        place = _place(found)
        lines.append(
            f"not proposed: {place['tenant'] or place['customer']} {place['meter']}, {place['period']}, "
            f"{found.invoice_id or 'no invoice'}: {_number(found.difference)}: {why}"
        )
    waiting = [str(each.proposal_id) for each in report.corrections if each.state in {"proposed", "approved"}]
    if waiting:
        options = " ".join(f"--approve {each}" for each in waiting)
        lines.append(f"Another person approves, by a login of its own: fridge correct {options} --as LOGIN")
    elif report.read_at is None:
        lines.append("no invoice was read yet: fridge invoices --read-stripe reads them now")
    elif not report.not_proposed:
        lines.append(
            f"Nothing is to be corrected in {month}; invoices were read last at {report.read_at:%Y-%m-%d %H:%M} UTC"
        )
    return as_lines(lines)


def _lines(table: Table) -> list[str]:
    console = Console(width=TABLE_WIDTH, markup=False, emoji=False, highlight=False, no_color=True)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]


def _cells(each: CorrectionRecord) -> Sequence[str]:
    what = each.what
    return (
        str(each.proposal_id),
        what.tenant_id or what.customer_id,
        what.event_name,
        f"{what.period_start:%Y-%m-%d %H:%M} to {what.period_end:%Y-%m-%d %H:%M}",
        what.invoice_id or "none",
        what.cause or "",
        _number(what.old_quantity),
        _number(what.new_quantity),
        f"{what.delta.normalize():+f}",
        money(what.amount, what.currency, sign="+"),
        "" if each.in_stripe is None else money(each.in_stripe, what.currency, sign="+"),
        each.document or what.kind.value,
        each.state,
    )


def _fields(each: CorrectionRecord) -> dict[str, Any]:
    """Quantities as texts: a JSON number may be read as a float."""
    what = each.what
    return {
        "proposal_id": each.proposal_id,
        "state": each.state,
        "tenant": what.tenant_id,
        "customer": what.customer_id,
        "meter": what.event_name,
        "invoice": what.invoice_id,
        "period_start": what.period_start.isoformat(),
        "period_end": what.period_end.isoformat(),
        "old_quantity": _number(what.old_quantity),
        "new_quantity": _number(what.new_quantity),
        "delta": _number(what.delta),
        "price": what.price_id,
        "amount": what.amount,
        "amount_in_stripe": each.in_stripe,
        "currency": what.currency,
        "document_kind": what.kind.value,
        "invoice_lines": what.lines,
        "cause": invoice_cause_in_words(what.cause) if what.cause else None,
        "proposed_by": each.proposed_by,
        "approved_by": each.approved_by,
        "document": each.document,
        "document_number": each.document_number,
    }


def _place(found: Difference) -> dict[str, Any]:
    return {
        "tenant": found.tenant_id,
        "customer": found.customer_id,
        "meter": found.event_name,
        "invoice": found.invoice_id,
        "period": f"{found.period_start:%Y-%m-%d %H:%M} to {found.period_end:%Y-%m-%d %H:%M}",
        "difference": _number(found.difference),
    }


def _number(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
