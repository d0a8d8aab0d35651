"""``fridge drop-readings``: drop months of readings that are older than the setting says."""

from __future__ import annotations

import json

import click

from fridge_pipeline.billing.decisions_record import Subject, decide
from fridge_pipeline.cli.person_option import Actor, actor_options, sign_in
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.database.retention import MonthOfReadings
from fridge_pipeline.operations.drop_old_readings import drop_old_readings, old_months


@click.command("drop-readings")
@click.option("--dry-run", is_flag=True, help="Only say which months would be dropped.")
@actor_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def drop_readings(dry_run: bool, actor: Actor, as_json: bool) -> None:
    """Drop whole months of readings that need not be kept.

    FRIDGE_KEEP_MONTHS says how many months are kept besides the current one. Usage, landing files and meter events
    stay, and no number changes. Dropped readings never count again: if a landing file brings them later, those rows
    are rejected. This cannot be undone. The schedule nightly_retention does the same every night.

    Example: FRIDGE_KEEP_MONTHS=13 fridge drop-readings --dry-run
    """
    with ledger() as opened:
        keep_months = opened.settings.keep_months
        if keep_months is None:
            raise click.UsageError("FRIDGE_KEEP_MONTHS is not set: nothing says how long readings are kept")
        months = old_months(opened.database, keep_months, opened.clock())
        if months and not dry_run:
            sign_in(opened, actor.login)
            named = ", ".join(f"{each.month:%Y-%m}" for each in months)
            decide(opened.database, Subject.DROP_READINGS, named, f"FRIDGE_KEEP_MONTHS is {keep_months}")
            months = drop_old_readings(opened.database, keep_months, actor.label, opened.clock)
    echo(json.dumps([as_mapping(month) for month in months]) if as_json else as_text(months, dry_run))


def as_mapping(month: MonthOfReadings) -> dict[str, object]:
    """One month for scripts."""
    return {"month": f"{month.month:%Y-%m}", "size_bytes": month.size_bytes}


def as_text(months: list[MonthOfReadings], dry_run: bool) -> str:
    """The months, one a line."""
    if not months:
        return "no readings are that old"
    verb = "would be dropped" if dry_run else "dropped"
    return "\n".join(f"{month.month:%Y-%m}  {month.size_bytes / 2**20:,.0f} MiB  {verb}" for month in months)
