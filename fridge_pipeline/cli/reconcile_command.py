"""``fridge reconcile``: what the asset stripe_reconciliation does, without Dagster."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import date, datetime

import click

from fridge_pipeline.calendar.days import ONE_DAY, DayRange, Month
from fridge_pipeline.cli.options import MonthKey
from fridge_pipeline.cli.shadow import DAY
from fridge_pipeline.cli.stripe_reading import read_stripe
from fridge_pipeline.cli.terminal import echo, installation
from fridge_pipeline.reconciliation.reconciliation_record import (
    ReconciledDay,
    UnexplainedHour,
    reconciled_days,
    unexplained_hours,
)
from fridge_pipeline.reconciliation.reconciliation_report import ReconciliationReport, reconciliation_summary
from fridge_pipeline.reconciliation.rules.reading_plan import Reading, range_to_read
from fridge_pipeline.visible import as_lines

#: So many hours that nobody can explain are shown; all of them are in the JSON.
HOURS_SHOWN = 24


@click.command()
@click.option("--month", type=MonthKey(), help="All days of it until now, e.g. 2026-01.")
@click.option("--from", "first", type=DAY, help="First UTC day, e.g. 2026-01-24.")
@click.option("--to", "last", type=DAY, help="Last UTC day, included.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def reconcile(month: Month | None, first: datetime | None, last: datetime | None, as_json: bool) -> None:
    """Compare usage and ledger with Stripe's own sums.

    It compares every customer, also those without usage, as the asset stripe_reconciliation does. Without days it
    compares yesterday. Stripe limits the reads in 30 days: the plan says how many this takes, and what could not be
    read is listed. Exit code 1 if an hour cannot be explained, or something was not read.

    Example: fridge reconcile --month 2026-01
    """
    if month is not None and (first or last):
        raise click.UsageError("give --month, or --from and --to, not both")
    if (first is None) != (last is None):
        raise click.UsageError("--from and --to belong together")
    if first and last and last < first:
        raise click.UsageError(f"--to {last:%F} lies before --from {first:%F}")
    with installation() as (ledger, _, stripe):
        days = _days(month, first, last, ledger.clock().date())
        report = read_stripe(ledger, stripe, days, Reading.ASKED_FOR, "fridge reconcile")
        with ledger.database.connect() as connection:
            reconciled = reconciled_days(connection, days)
            unexplained = unexplained_hours(connection, range_to_read(days, None))
    shown = as_mapping(days, report, unexplained) if as_json else None
    echo(json.dumps(shown) if shown is not None else as_text(days, reconciled, report, unexplained))
    if unexplained or report.customers_not_read or report.without_usage_not_read:
        sys.exit(1)


def _days(month: Month | None, first: datetime | None, last: datetime | None, today: date) -> DayRange:
    """What was asked for; yesterday when nothing was."""
    if month is not None:
        if today < month.first_day:
            raise click.UsageError(f"{month} has not begun")
        return DayRange(month.first_day, min(month.days.last, today))
    if first and last:
        return DayRange(first.date(), last.date())
    return DayRange(today - ONE_DAY, today - ONE_DAY)


def as_text(
    days: DayRange,
    reconciled: Mapping[date, ReconciledDay],
    report: ReconciliationReport,
    unexplained: list[UnexplainedHour],
) -> str:
    """The result for a person: the plan, what it came to, and the hours that nobody can explain."""
    lines = [f"plan: {report.plan}", f"{days}: {reconciliation_summary(reconciled, report)}"]
    lines += [
        f"{each.hour:%Y-%m-%d-%H:%M} {each.tenant_id} {each.event_name}: {each.usage_value or 0} usage, "
        f"{each.ledger_value or 0} accepted, {each.stripe_value} in Stripe ({each.difference:+}): {each.cause}"
        for each in unexplained[:HOURS_SHOWN]
    ]
    more = len(unexplained) - HOURS_SHOWN
    return as_lines([*lines, f"and {more} more hours"] if more > 0 else lines)


def as_mapping(days: DayRange, report: ReconciliationReport, unexplained: list[UnexplainedHour]) -> dict[str, object]:
    """The same for scripts."""
    return {
        "first_day": f"{days.first}",
        "last_day": f"{days.last}",
        "plan": str(report.plan),
        "reads": report.reads,
        "reads_left": report.plan.left - report.reads,
        "customers_read": report.customers_read,
        "customers_without_usage_read": report.without_usage_read,
        "not_read": dict(report.customers_not_read + report.without_usage_not_read),
        "unexplained": [
            {
                "hour": f"{each.hour:%Y-%m-%d-%H:%M}",
                "tenant_id": each.tenant_id,
                "meter": each.event_name,
                "stripe_customer_id": each.stripe_customer_id,
                "usage": each.usage_value,
                "accepted": each.ledger_value,
                "stripe": str(each.stripe_value),
                "difference": str(each.difference),
                "cause": each.cause,
            }
            for each in unexplained
        ],
    }
