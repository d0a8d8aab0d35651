"""``fridge explain``: why this number."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.calendar_keys import HourKey
from fridge_pipeline.cli.terminal import echo, installation
from fridge_pipeline.finance.explain_hour import explain_hour
from fridge_pipeline.finance.pages.explanation import explanation_text, plain


@click.command()
@click.argument("tenant")
@click.argument("hour", type=HourKey())
@click.option("--read-stripe", is_flag=True, help="Read Stripe's sum now; a month holds only so many reads.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def explain(tenant: str, hour: Hour, read_stripe: bool, as_json: bool) -> None:
    """Say why TENANT's number in HOUR is what it is.

    Shows files, usage, revisions, attempts, answers and Stripe's own sum. Of each landing file it shows what became of
    the tenant's rows, the rejected ones with their lines. Stripe's sum is the one that was read last, by the daily
    reconciliation or with --read-stripe.

    Example: fridge explain cohoes 2026-01-24-18:00
    """
    with installation() as (ledger, _, stripe):
        explanation = explain_hour(
            ledger.as_run("fridge explain"),
            stripe.gateway if read_stripe else None,
            tenant,
            hour,
            ledger.settings.close_after,
            ledger.settings.stripe_reads,
        )
    fields = asdict(explanation)
    fields |= fields.pop("usage")  # a measure each
    echo(json.dumps(fields, default=plain) if as_json else explanation_text(explanation))
