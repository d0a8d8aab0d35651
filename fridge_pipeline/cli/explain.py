"""``fridge explain``: why this number."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.options import HourKey
from fridge_pipeline.cli.terminal import echo, installation, ledger
from fridge_pipeline.difference_causes import INVOICE_CAUSES, invoice_cause_in_words
from fridge_pipeline.finance.explain_hour import explain_hour
from fridge_pipeline.finance.explain_invoice import BilledHour, ExplainedLine, InvoiceExplanation, explain_invoice
from fridge_pipeline.finance.pages.explanation import explanation_text, plain
from fridge_pipeline.invoices.rules.money import money
from fridge_pipeline.visible import as_lines, counted


@click.command()
@click.argument("tenant", required=False)
@click.argument("hour", type=HourKey(), required=False)
@click.option("--invoice", "invoice_id", metavar="in_…", help="Instead of an hour: an invoice.")
@click.option("--line", "line_id", metavar="il_…", help="One line of it, with all its hours and their files.")
@click.option("--read-stripe", is_flag=True, help="Read Stripe's sum now; reads per month are limited.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def explain(
    tenant: str | None,
    hour: Hour | None,
    invoice_id: str | None,
    line_id: str | None,
    *,
    read_stripe: bool,
    as_json: bool,
) -> None:
    """Say why TENANT's number in HOUR is what it is.

    Shows files, usage, revisions, attempts, answers and Stripe's own sum. For each landing file it shows what
    happened to the tenant's rows, with the lines of rejected ones. Stripe's sum is the last one that the daily
    reconciliation or --read-stripe has read.

    At the end it shows the invoice lines that bill the hour. With --invoice it shows the lines of an invoice, the
    usage of their periods, corrections, and what Stripe had accepted when the invoice became final; with --line
    also every hour of the line with its meter events and files.

    Example: fridge explain cohoes 2026-01-24-18:00
    """
    if invoice_id is not None and tenant is None and not read_stripe:
        _explain_invoice(invoice_id, line_id, as_json=as_json)
        return
    if tenant is None or hour is None or invoice_id is not None or line_id is not None:
        raise click.UsageError("Give TENANT and HOUR, or --invoice with or without --line.")
    with installation() as (opened, _, stripe):
        explanation = explain_hour(
            opened.as_run("fridge explain"),
            stripe.gateway if read_stripe else None,
            tenant,
            hour,
            opened.settings.close_after,
            opened.settings.stripe_reads,
        )
    fields = asdict(explanation)
    fields |= fields.pop("usage")  # a measure each
    echo(json.dumps(fields, default=plain) if as_json else explanation_text(explanation))


def _explain_invoice(invoice_id: str, line_id: str | None, *, as_json: bool) -> None:
    with ledger() as opened, opened.database.connect() as connection:
        explanation = explain_invoice(connection, opened.catalogue, invoice_id, line_id)
    if as_json:
        echo(json.dumps(asdict(explanation), default=str))
        return
    echo(invoice_text(explanation, with_hours=line_id is not None))


def invoice_text(explanation: InvoiceExplanation, *, with_hours: bool) -> str:
    """An invoice for people: a line of text for each comparison, each line, and, where wanted, each hour."""
    of = explanation.invoice
    final = f"final since {_at(of['finalized_at'])}" if of["finalized_at"] else "not final"
    lines = [
        f"{of['invoice_id']} ({of['status']}) of {of['stripe_customer_id']}, {final}; read at {_at(of['read_at'])}",
        *(
            f"  {each.event_name} {_at(each.period_start)} to {_at(each.period_end)}: {each.invoice_quantity:f} "
            f"invoiced, usage {each.usage_quantity:f}, accepted {each.accepted_quantity:f}{_because(each.cause)}"
            for each in explanation.comparisons
        ),
    ]
    lines += [_correction_text(each) for each in explanation.corrections]
    for line in explanation.lines:
        lines += _line_text(line, of["currency"], with_hours=with_hours)
    return as_lines(lines)


def _correction_text(each: dict[str, Any]) -> str:
    people = " and ".join(filter(None, (each["proposed_by"], each["approved_by"])))
    document = f", {each['document']}" if each["document"] else ""
    if each["amount_in_stripe"] not in {None, each["amount"]}:
        document += f" which is {money(each['amount_in_stripe'], each['currency'], '+')} in Stripe now"
    return (
        f"  correction {each['proposal_id']} of {each['event_name']} ({each['state']}): {each['delta']:+f}, "
        f"{money(each['amount'], each['currency'], '+')} by {each['document_kind']}{document}; {people}"
    )


def _line_text(line: ExplainedLine, currency: str, *, with_hours: bool) -> list[str]:
    late = [each for each in line.hours if each.is_late]
    quantity = "no quantity" if line.quantity is None else f"quantity {line.quantity:f}"
    head = (
        f"{line.line_id} {line.event_name} at {line.price_id}, {_at(line.period_start)} to {_at(line.period_end)}: "
        f"{quantity}, {money(line.amount, currency)}; {counted(len(line.hours), 'hour')} with usage"
    )
    shown = line.hours if with_hours else late
    told = (
        [f"  {counted(len(late), 'hour')} decided by Stripe after the invoice was final:"]
        if late and not with_hours
        else []
    )
    return [head, *told, *(text for each in shown for text in _hour_text(each))]


def _hour_text(each: BilledHour) -> list[str]:
    lines = [f"  {each.tenant_id} {Hour(each.hour)}: usage {'none' if each.quantity is None else each.quantity}"]
    for event in each.statements:
        late = ", after the invoice was final" if event["is_after_the_invoice"] else ""
        settled = f" at {_at(datetime.fromisoformat(event['settled_at']))}" if event["settled_at"] else ""
        lines.append(f"    {event['identifier']}: {event['value']} {event['status']}{settled}{late}")
    lines += [f"    {file['path']}: {file['inserted_count']} inserted" for file in each.files]
    return lines


def _because(cause: str | None) -> str:
    if cause is None:
        return ""
    do = f"; to do: {INVOICE_CAUSES[cause].do}" if cause in INVOICE_CAUSES else ""
    return f"; {invoice_cause_in_words(cause)}{do}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
