"""``fridge explain``: why this number."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from fridge_pipeline.adapters.postgres.explanation import explain as explain_hour
from fridge_pipeline.cli.bill import HourKey
from fridge_pipeline.cli.context import installation
from fridge_pipeline.domain.explanation import explanation_text, plain
from fridge_pipeline.domain.hour import Hour


@click.command()
@click.argument("tenant")
@click.argument("hour", type=HourKey())
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def explain(tenant: str, hour: Hour, as_json: bool) -> None:
    """Why TENANT's number in HOUR is what it is: files, usage, revisions, attempts, answers, what was read back.

    Example: fridge explain cohoes 2026-01-24-18:00
    """
    with installation() as opened, opened.database.connect() as connection:
        explanation = explain_hour(connection, tenant, hour)
    click.echo(json.dumps(asdict(explanation), default=plain) if as_json else explanation_text(explanation))
