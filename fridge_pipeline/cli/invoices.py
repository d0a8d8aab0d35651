"""``fridge invoices``: what Stripe's invoices bill, and why that is not usage where it is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal

import click

from fridge_pipeline.calendar.days import DayRange, Month
from fridge_pipeline.cli.options import MonthKey
from fridge_pipeline.cli.terminal import echo, installation
from fridge_pipeline.difference_causes import INVOICE_CAUSES, invoice_cause_in_words
from fridge_pipeline.installation import Installation
from fridge_pipeline.invoices.compare_invoices import COMPARED_BACK, compare_invoices
from fridge_pipeline.invoices.compared import ComparedInvoice, compared_invoices
from fridge_pipeline.invoices.hold_drafts import HoldOrder, HoldReport, hold_drafts
from fridge_pipeline.invoices.hold_record import HeldDraft, held_drafts
from fridge_pipeline.invoices.invoice_record import days_read
from fridge_pipeline.invoices.plan_holds import unloaded_hours
from fridge_pipeline.invoices.preview_invoices import PreviewedPeriod, PreviewReport, preview_invoices
from fridge_pipeline.invoices.read_invoices import InvoiceReadReport, read_invoices
from fridge_pipeline.invoices.rules.hold_draft import InvoiceMode
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.visible import as_lines, counted

NEVER_READ = "no invoice was read yet: stripe_invoices reads them every morning, or now with --read-stripe"


class InvoicesOffError(RuntimeError):
    """FRIDGE_INVOICES=off, and somebody asks for invoices."""


@click.command()
@click.option("--month", type=MonthKey(), help="Only periods that overlap this month; otherwise the last 70 days.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--read-stripe", is_flag=True, help="Read the invoices from Stripe now; reads per month are limited.")
@click.option("--preview", is_flag=True, help="Ask Stripe what the next invoices would bill by now; one read for each.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def invoices(month: Month | None, tenant: str | None, *, read_stripe: bool, preview: bool, as_json: bool) -> None:
    """Show Stripe's invoices, what differs from usage, and why.

    Beside their periods and differences it shows usage that Stripe accepted and no invoice carries.

    Usage and ledger are as of now; invoices as of the last reading, by the asset stripe_invoices or with
    --read-stripe. A difference below 0 means that too little is billed. --preview also shows what the next invoices
    of the open billing periods would bill by now.

    Example: fridge invoices --month 2026-01
    """
    with installation() as opened:
        ledger = opened.ledger
        if ledger.settings.invoices is InvoiceMode.OFF:
            raise InvoicesOffError("FRIDGE_INVOICES=off: invoices are neither read nor compared; set it to watch")
        now = ledger.clock()
        reading = _read(opened, month, now) if read_stripe else None
        compare_invoices(ledger.as_run("fridge invoices"))
        planned = _planned(opened) if read_stripe else HoldReport()
        run = ledger.as_run("fridge invoices")
        reads_max = ledger.settings.stripe_reads
        next_ones = preview_invoices(run, opened.stripe.gateway, tenant, reads_max) if preview else PreviewReport()
        since, until = (month.start, month.end) if month else (now - COMPARED_BACK, now)
        with ledger.database.connect() as connection:
            rows = compared_invoices(connection, since, until, tenant)
            read = days_read(connection, now.astimezone(UTC).date())
            held = [each for each in held_drafts(connection) if tenant in {None, each.tenant_id}]
    why = (reading.not_read if reading else None) or planned.not_done
    if as_json:
        told = {
            "invoices": [_fields(row) for row in rows],
            "read_at": max(read.values(), default=None),
            "not_read": why,
            "drafts": [asdict(each) for each in held],
            "plan": {invoice_id: asdict(plan) for invoice_id, plan in planned.plans.items()},
            "previews": [asdict(each) for each in next_ones.periods],
            "not_previewed": next_ones.not_read,
        }
        echo(json.dumps(told, default=_plain))
        return
    lines = [
        *map(_line, rows),
        *map(_held_line, held),
        *(f"{each} (draft), now planned: {plan.act}; {plan.why}" for each, plan in sorted(planned.plans.items())),
        *([f"not read: {why}"] if why is not None else []),
        *map(_preview_line, next_ones.periods),
        *(f"not previewed: {each}" for each in next_ones.not_read),
        _summary(rows, max(read.values(), default=None)),
    ]
    echo(as_lines(lines))


def _read(opened: Installation, month: Month | None, now: datetime) -> InvoiceReadReport:
    """From the month on: an invoice is made after what it bills was used. Days before the grid are read too."""
    first = month.start if month else now - COMPARED_BACK
    today = now.astimezone(UTC).date()
    days = DayRange(min(first.astimezone(UTC).date(), today), today)
    ledger = opened.ledger
    return read_invoices(ledger.as_run("fridge invoices"), opened.stripe.gateway, days, ledger.settings.stripe_reads)


def _planned(opened: Installation) -> HoldReport:
    """What the next run is to do about drafts; writes nothing."""
    ledger = opened.ledger
    settings, unloaded = ledger.settings, unloaded_hours(ledger.database, opened.landing.zone, ledger.grid())
    order = HoldOrder(settings.invoice_hold, writes=False, unloaded=unloaded, reads_max=settings.stripe_reads)
    return hold_drafts(ledger.as_run("fridge invoices"), opened.stripe.gateway, order)


def _preview_line(each: PreviewedPeriod) -> str:
    quantity = f"{each.quantity.normalize():f}"
    more = "" if each.is_whole else ", at least: a preview shows ten lines"
    return (
        f"next invoice of {each.subscription_id} {each.tenant_id or each.customer_id} {each.event_name}, "
        f"{each.period_start:%Y-%m-%d %H:%M} to {each.period_end:%Y-%m-%d %H:%M} UTC: {quantity} by now, "
        f"{money(each.amount, each.currency)}{more}; usage {each.usage}, accepted {each.accepted}"
    )


def _held_line(draft: HeldDraft) -> str:
    head = f"{draft.invoice_id} (draft) {draft.tenant_id or ''}"
    if draft.finalizes_at is None:
        return f"{head}: left alone since {draft.written_at:%Y-%m-%d %H:%M} UTC: {draft.detail}"
    done = {"done": "", "found": "", "failed": " (refused, or not known)", None: " (not known whether Stripe has it)"}
    said = f"{draft.act} until {draft.finalizes_at:%Y-%m-%d %H:%M} UTC"
    return f"{head}: {said}{done[draft.outcome]}, since {draft.written_at:%Y-%m-%d %H:%M} UTC: {draft.detail}"


def _line(row: ComparedInvoice) -> str:
    invoice = f"{row.invoice_id} ({row.status})" if row.invoice_id else "no invoice"
    period = f"{row.period_start:%Y-%m-%d %H:%M} to {row.period_end:%Y-%m-%d %H:%M} UTC"
    head = f"{invoice} {row.tenant_id or row.stripe_customer_id} {row.event_name}, {period}"
    numbers = f"{row.invoice_quantity.normalize():f} invoiced, usage {row.usage_quantity.normalize():f}"
    if row.cause is None:
        return f"{head}: {numbers}"
    amount = f", {money(row.amount, row.currency)}" if row.amount is not None and row.currency else ""
    difference = f"{row.difference.normalize():+f}"
    words, do = invoice_cause_in_words(row.cause), INVOICE_CAUSES[row.cause].do if row.cause in INVOICE_CAUSES else ""
    return f"{head}: {numbers} ({difference}{amount}); {words}; to do: {do}"


def _summary(rows: Sequence[ComparedInvoice], read_at: datetime | None) -> str:
    if read_at is None:
        return NEVER_READ
    differing = [row for row in rows if row.cause is not None]
    told = f"{counted(len(rows), 'period')}, {len(differing)} with a cause"
    return f"{told}; invoices were read at {read_at:%Y-%m-%d %H:%M} UTC"


def _fields(row: ComparedInvoice) -> dict[str, object]:
    return {**asdict(row), "what_to_do": INVOICE_CAUSES[row.cause].do if row.cause in INVOICE_CAUSES else None}


def _plain(value: object) -> object:
    """Quantities as texts: a JSON number may be read as a float."""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
