"""``fridge backtest``: would the code at hand come to the same numbers."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.cli.options import HourKey
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.finance.backtest_hours import Backtest
from fridge_pipeline.finance.backtest_hours import backtest as recompute
from fridge_pipeline.usage.rules.comparing import Difference, DifferingHour
from fridge_pipeline.visible import as_lines


@click.command()
@click.option("--from", "first", type=HourKey(), required=True, help="First hour, e.g. 2026-01-24-18:00.")
@click.option("--to", "last", type=HourKey(), required=True, help="Last hour, included.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def backtest(first: Hour, last: Hour, as_json: bool) -> None:
    """Count the hours from KEY to KEY again with this code.

    It compares with usage and with what was sent. Nothing is written. Exit code 1 if a tenant's number differs.
    Usage that was never sent is no difference; hours whose readings were dropped cannot be counted again and are
    named.

    Example: fridge backtest --from 2026-01-01-00:00 --to 2026-01-31-23:00
    """
    if last < first:
        raise click.UsageError(f"--to {last} lies before --from {first}")
    with ledger() as opened:
        result = recompute(opened.database, HourRange(first, last), opened.catalogue)
    echo(json.dumps(as_mapping(result)) if as_json else as_text(result))
    if result.differences:
        sys.exit(1)


def as_text(result: Backtest) -> str:
    """The result for a person: what was compared, what could not be, and the differences."""
    lines = []
    if result.recomputed is not None:
        lines.append(f"{result.recomputed}: counted again, {result.compared} quantities of tenants, meters and hours")
    if result.not_recomputable is not None:
        lines.append(
            f"{result.not_recomputable}: not recomputable, their readings were dropped; "
            f"{result.not_recomputable_tenant_hours} tenant-hours of usage stay as they were counted"
        )
    if result.never_stated:
        lines.append(
            f"{result.never_stated} of the quantities were never accepted by Stripe, so only usage is compared"
        )
    if result.other_meters:
        lines.append(
            f"stated to meters that the catalogue does not have, not compared: {', '.join(result.other_meters)}"
        )
    if not result.differences:
        return as_lines([*lines, "nothing differs" if result.compared else "there was nothing to compare"])
    return as_lines([*lines, *(line for each in result.differences for line in _difference_lines(each))])


def _difference_lines(each: Difference) -> list[str]:
    lines = [
        (
            f"{each.tenant_id}, {each.meter}: {each.hours} hours differ from the {each.beside}; "
            f"{each.recomputed} counted again, {each.found} there ({each.amount:+})"
        )
    ]
    lines += [
        f"  {hour.hour}: {_shown(hour.recomputed)} counted again, {_shown(hour.found)} there" for hour in each.examples
    ]
    more = each.hours - len(each.examples)
    return [*lines, f"  and {more} more"] if more else lines


def _shown(quantity: int | None) -> str:
    return "none" if quantity is None else str(quantity)


def as_mapping(result: Backtest) -> dict[str, object]:
    """The same for scripts."""
    return {
        "recomputed": _span(result.recomputed),
        "not_recomputable": _span(result.not_recomputable),
        "not_recomputable_tenant_hours": result.not_recomputable_tenant_hours,
        "compared": result.compared,
        "never_stated": result.never_stated,
        "other_meters": list(result.other_meters),
        "differences": [
            {**asdict(each), "amount": each.amount, "examples": [_example(hour) for hour in each.examples]}
            for each in result.differences
        ],
    }


def _span(hours: HourRange | None) -> dict[str, object] | None:
    return None if hours is None else {"from": hours.first.key, "to": hours.last.key, "hours": hours.count}


def _example(hour: DifferingHour) -> dict[str, object]:
    return {**asdict(hour), "hour": hour.hour.key}
