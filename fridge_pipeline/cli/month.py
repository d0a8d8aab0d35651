"""``fridge close``, ``approve`` and ``reopen``: the months that finance signs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from fridge_pipeline.calendar.days import Month, NotAMonthError
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.finance.close_month import approve_month, prepare_month, reopen_month
from fridge_pipeline.finance.rules.outcomes import outcome_in_words
from fridge_pipeline.settings import MODELS_FOLDER


class MonthKey(click.ParamType[Month]):
    """A month on the command line."""

    name = "MONTH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """The month, or a usage error that shows the form."""
        try:
            return value if isinstance(value, Month) else Month.from_key(str(value))
        except NotAMonthError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("month", type=MonthKey())
@click.option("--prepared-by", "name", required=True, help="Who prepares it; stays on record.")
@click.option("--json", "as_json", is_flag=True, help="Print the control totals as JSON.")
def close(month: Month, name: str, as_json: bool) -> None:
    """Prepare MONTH for closing: check that it ties out, and write its control totals.

    It is closed when another person approves it (fridge approve). Refused while the month is not over, while
    statements of it are under way, and while something in it is unexplained; the error says what.

    Example: fridge close 2026-01 --prepared-by ada
    """
    with ledger() as opened:
        run = opened.as_run("fridge close")
        totals = prepare_month(run, month, name, MODELS_FOLDER, opened.settings.close_after)
    if as_json:
        echo(json.dumps({"month": month.key, "prepared_by": name, "control_totals": totals}))
        return
    echo(f"{month} is prepared by {name}:")
    echo(totals_text(totals))
    echo(f"It is closed when somebody else approves it: fridge approve {month} --by NAME")


@click.command()
@click.argument("month", type=MonthKey())
@click.option("--by", "name", required=True, help="Who approves it: not who prepared it; stays on record.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def approve(month: Month, name: str, as_json: bool) -> None:
    """Approve and so close MONTH, which somebody else has prepared.

    Refused when the control totals are no longer what was prepared. Afterwards nothing is stated to Stripe for its
    hours, whoever asks, until it is reopened: what changes waits in the exceptions, as month_closed.

    Example: fridge approve 2026-01 --by grace
    """
    with ledger() as opened:
        prepared = approve_month(opened.database, month, name, opened.clock, opened.settings.close_after)
    totals = prepared.control_totals or {}
    if as_json:
        told = {"month": month.key, "prepared_by": prepared.signed_by, "approved_by": name, "control_totals": totals}
        echo(json.dumps(told))
        return
    echo(f"{month} is closed: prepared by {prepared.signed_by}, approved by {name}")
    echo(totals_text(totals))


@click.command()
@click.argument("month", type=MonthKey())
@click.option("--by", "name", required=True, help="Who reopens it; stays on record.")
@click.option("--reason", required=True, help="Why; stays on record.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def reopen(month: Month, name: str, reason: str, as_json: bool) -> None:
    """Reopen the closed MONTH, so that what changed in it since is stated to Stripe.

    The next hourly_billing states it. Close the month again afterwards.

    Example: fridge reopen 2026-01 --by ada --reason "late files of gateway 7"
    """
    with ledger() as opened:
        waiting = reopen_month(opened.database, month, name, reason, opened.clock)
    command = f"fridge bill --from {month.hours.first} --to {month.hours.last}"
    if as_json:
        told = {"month": month.key, "reopened_by": name, "reason": reason, "waiting": waiting, "state_with": command}
        echo(json.dumps(told))
        return
    echo(f"{month} is open again; {waiting} changes waited for it")
    echo(f"They are stated by the next hourly_billing, or now with: {command}")


def totals_text(totals: Mapping[str, Any]) -> str:
    """Control totals for people, one meter a line."""
    meters = sorted(totals.get("meters", {}).items())
    lines = [_outcome_text(name, meter) for name, meter in meters]
    lines += [_meter_text(name, meter) for name, meter in meters]
    files = totals["files"]
    lines.append(
        f"  {files['files']:,} landing files: {files['row_count']:,} rows = {files['inserted_count']:,} inserted + "
        f"{files['duplicate_count']:,} duplicates + {files['rejected_count']:,} rejected"
    )
    return "\n".join(lines)


def _meter_text(name: str, meter: Mapping[str, Any]) -> str:
    return (
        f"  {name}: usage {_figure(meter['usage'])}, stated {_figure(meter['stated'])}, Stripe "
        f"{_figure(meter['stripe'])}; "
        f"{meter['tenants']:,} tenants, {meter['tenant_hours']:,} tenant-hours, of which "
        f"{meter['tenant_hours_explained']:,} differ for a known cause and {meter['tenant_hours_not_read']:,} are not "
        "compared with Stripe yet"
    )


def _outcome_text(name: str, meter: Mapping[str, Any]) -> str:
    """What has become of the usage; a month that was prepared by an earlier version has no such figures."""
    outcome = meter.get("outcome")
    return f"  {name}: {outcome_in_words(outcome) if outcome else 'nobody noted what was billed of it'}"


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,}"
