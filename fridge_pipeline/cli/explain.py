"""``fridge explain``: why this number."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from fridge_pipeline.adapters.postgres.explanation import Explanation
from fridge_pipeline.adapters.postgres.explanation import explain as explain_hour
from fridge_pipeline.cli.bill import HourKey
from fridge_pipeline.cli.context import installation
from fridge_pipeline.domain.hour import Hour


@click.command()
@click.argument("tenant")
@click.argument("hour", type=HourKey())
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def explain(tenant: str, hour: Hour, as_json: bool) -> None:
    """Why TENANT's number in HOUR is what it is: files, inserted, duplicates, revisions, receipts.

    Example: fridge explain cohoes 2026-01-24-18:00
    """
    with installation() as opened, opened.database.connect() as connection:
        explanation = explain_hour(connection, tenant, hour)
    click.echo(json.dumps(asdict(explanation), default=str) if as_json else as_text(explanation))


def as_text(explanation: Explanation) -> str:
    """The explanation for a person, from the files to Stripe's answers."""
    lines = [f"{explanation.tenant_id} in {explanation.hour}"]
    own = [file for file in explanation.files if file["tenant_inserted_count"]]
    others = len(explanation.files) - len(own)
    rest = [f"{others} other files of the hour stored nothing of this tenant (see --json)"] if others else []
    lines += _section("Landing files of the hour", [_file_line(file) for file in own] + rest)
    usage = [
        f"{name}: {'none' if quantity is None else quantity}"
        for name, quantity in (
            ("inserted_count", explanation.inserted_count),
            ("active_sensors", explanation.active_sensors),
        )
    ]
    lines += _section("Usage, counted from stored readings", usage)
    lines += _section("Statements to Stripe", [_statement_line(row) for row in explanation.statements])
    lines += _section("Exceptions", [_exception_line(row) for row in explanation.exceptions])
    if explanation.inserted_count is None and not explanation.statements:
        lines += ["", f"The books hold nothing of a tenant {explanation.tenant_id!r} in this hour."]
    return "\n".join(lines)


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines or ["none"])]


def _file_line(file: dict[str, object]) -> str:
    return (
        f"{file['path']} ({file['status']}): {file['row_count']} rows = {file['inserted_count']} inserted "
        f"+ {file['duplicate_count']} duplicates + {file['rejected_count']} rejected; "
        f"of this tenant {file['tenant_inserted_count']} inserted from {file['tenant_sensors']} sensors; "
        f"run {file['run_id']} at {file['loaded_at']}"
    )


def _statement_line(row: dict[str, object]) -> str:
    answer = (
        f"HTTP {row['http_status']}, request {row['request_id']}: {row['answer']}" if row["answer"] else "no answer"
    )
    return (
        f"{row['event_name']} revision {row['revision']}: {row['value']}, {row['status']} "
        f"[{row['identifier']}] for {row['stripe_customer_id']}; staged {row['staged_at']}, "
        f"sent {row['first_sent_at'] or 'never'} ({row['attempts']} attempts); {answer}"
    )


def _exception_line(row: dict[str, object]) -> str:
    state = f"closed {row['closed_at']}" if row["closed_at"] else "open"
    return f"{row['kind']} ({state}) {row['subject']}: {row['detail']}"
