"""``fridge recount``: are the landing files of a month still what was counted."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click
from rich.progress import Progress

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.cli.bill_command import COLUMNS
from fridge_pipeline.cli.options import MonthKey
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.terminal import echo, installation
from fridge_pipeline.ingest.recount_files import FileDifference, Recount, hours_to_recount
from fridge_pipeline.ingest.recount_files import recount as read_again
from fridge_pipeline.visible import as_lines

#: So many paths and differences are shown to a person; ``--json`` has more.
SHOWN_MAX = 10


@click.command()
@click.argument("month", type=MonthKey())
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def recount(month: Month, as_json: bool) -> None:
    """Read the landing files of MONTH again, and compare them with the books.

    It compares the SHA-256 of each file, its rows and rejected rows, and the rows of each tenant. Nothing is
    written. A file that is gone is named; that is no difference, and neither is what a changed source would read
    differently. Exit code 1 if any file differs, or was never loaded.

    Example: fridge recount 2026-01
    """
    result = Recount()
    with installation() as opened, Progress(*COLUMNS, console=console) as progress:
        ledger = opened.ledger
        hours = hours_to_recount(ledger.database, month.hours)
        task = progress.add_task(f"reading {month} again", total=len(hours))
        for of_hour in read_again(ledger.database, opened.landing.zone, hours, ledger.settings.workspace):
            result.add(of_hour)
            progress.advance(task)
    echo(json.dumps({"month": month.key, **asdict(result)}) if as_json else as_text(month, result))
    if result.differing:
        sys.exit(1)


def as_text(month: Month, result: Recount) -> str:
    """What was compared, what could not be, and the differences."""
    lines = [
        f"{month}: {result.same:,} of {result.files:,} landing files are what was counted, {result.rows:,} rows",
    ]
    if result.missing:
        lines.append(f"{len(result.missing):,} are not there any more, so nobody can compare them:")
        lines += _first(result.missing, len(result.missing))
    if result.replaced:
        lines.append(f"{result.replaced:,} earlier contents were replaced under the same name; only the last is there")
    if result.by_other_source:
        lines.append(f"{result.by_other_source:,} were read by sources that have changed since, which would read now:")
        told = [_difference(each) for each in result.source_differences]
        lines += _first(told, len(told)) or ["  the same"]
    if not result.differing:
        return as_lines([*lines, "nothing differs"])
    lines.append(f"{result.differing:,} differences:")
    return as_lines([*lines, *_first([_difference(each) for each in result.differences], result.differing)])


def _difference(each: FileDifference) -> str:
    tenant = f" {each.tenant_id}" if each.tenant_id is not None else ""
    return f"{each.path}: {each.what}{tenant}: {each.recorded} on record, {each.found} now"


def _first(lines: list[str], number: int) -> list[str]:
    shown = [f"  {line}" for line in lines[:SHOWN_MAX]]
    return [*shown, f"  and {number - len(shown):,} more"] if number > len(shown) else shown
