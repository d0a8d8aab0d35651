"""``fridge bill``: bring Stripe's books to the usage of some hours; ``--dry-run`` shows what that would be."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click
import psycopg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from fridge_pipeline.billing.books_beside_files import RangeSummary, summarize
from fridge_pipeline.billing.hours_to_bill import (
    find_hours_to_bill,
    find_hours_to_run,
    find_undone_hours,
    hours_without_increments,
)
from fridge_pipeline.billing.plan_billing import busy_hours
from fridge_pipeline.calendar.hours import Hour, HourRange, plan_ranges
from fridge_pipeline.catalogue.billing_start import EVERY_HOUR, BillingStart
from fridge_pipeline.cli.interruption import ended_by_signals, exit_code, told
from fridge_pipeline.cli.options import HourKey
from fridge_pipeline.cli.plan_in_words import as_mapping, as_text
from fridge_pipeline.cli.shown_progress import console
from fridge_pipeline.cli.terminal import echo, installation
from fridge_pipeline.database.exceptions import open_exceptions, open_of_kind
from fridge_pipeline.database.models import Materialized, read_models
from fridge_pipeline.ingest.note_losses import KINDS, list_and_note
from fridge_pipeline.installation import Installation, Landing, Ledger
from fridge_pipeline.orchestration.priced_plan import priced_plan
from fridge_pipeline.settings import MODELS_FOLDER

if TYPE_CHECKING:
    from fridge_pipeline.orchestration.headless import RangeRun

#: How far it is, in hours.
COLUMNS = (
    SpinnerColumn(),
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("hours"),
    TimeElapsedColumn(),
)

#: After a signal: a person who pressed Ctrl-C waits no longer than two seconds.
ENDING_SECONDS_MAX = 1.8


@dataclass(frozen=True, slots=True)
class Billed:
    """What a ``fridge bill`` came to; ``to_run`` hours had something to do, and ``unsettled`` ones still have."""

    span: HourRange
    to_run: int
    summary: RangeSummary
    runs: list[RangeRun]
    unsettled: list[Hour]
    exceptions: Counter[str]
    is_interrupted: bool

    @property
    def is_success(self) -> bool:
        """Every closed hour is delivered or excepted, no run failed, and nobody interrupted them."""
        return not self.is_interrupted and not self.unsettled and all(run.failure is None for run in self.runs)


@click.command()
@click.option("--from", "first", type=HourKey(), required=True, help="First hour, e.g. 2026-01-24-18:00.")
@click.option("--to", "last", type=HourKey(), required=True, help="Last hour, included.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would run and what it would change, in money too; write nothing."
)
@click.option("--again", is_flag=True, help="Also run hours that have files or history and nothing new.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def bill(*, first: Hour, last: Hour, dry_run: bool, again: bool, as_json: bool) -> None:
    """Load, count and bill every hour from KEY to KEY, both included.

    It prints a summary. Hours without anything new are skipped. Exit code 1 if an hour is neither delivered nor
    explained by an exception.

    Example: fridge bill --from 2026-01-24-00:00 --to 2026-01-24-23:00 --dry-run
    """
    if last < first:
        raise click.UsageError(f"--to {last} lies before --from {first}")
    span = HourRange(first, last)
    words = f"interrupted, and nothing is lost; to go on: fridge bill --from {first} --to {last}"
    with ended_by_signals(ENDING_SECONDS_MAX, words), installation(decides_start=not dry_run) as opened:
        if dry_run:
            planned = priced_plan(opened.ledger, opened.landing, span)
            echo(json.dumps(as_mapping(*planned)) if as_json else as_text(*planned))
            return
        billed = bill_range(opened, span, again=again)
        show_result(billed, opened.ledger.stripe_location, opened.ledger.billing_start, as_json=as_json)
        if not billed.is_interrupted:
            show_restrictions(opened.ledger, billed)
    if not billed.is_success:
        sys.exit(exit_code() or 1)


def show_restrictions(ledger: Ledger, billed: Billed) -> None:
    """Why some of the hours were not billed, although nothing failed."""
    span, start = billed.span, ledger.billing_start
    if start.restriction is not None and not start.bills(span.first):
        console.print(f"{start.restriction}", style="yellow")
    if not span.last.closed_at(ledger.clock(), ledger.settings.close_after):
        closes = span.last.end + ledger.settings.close_after
        console.print(f"{span.last} has not closed yet: what it holds is billed after {closes:%F %H:%M} UTC")
    if not billed.summary.files:
        console.print(f"no landing files between {span.first} and {span.last} in {ledger.settings.landing_uri}")


def bill_range(opened: Installation, span: HourRange, *, again: bool = False) -> Billed:
    """Runs the hours of a span that hold anything new, with a progress bar, and sums up what the books say afterwards.

    An interruption ends the runs, and not the summing up.
    """
    ledger, landing, stripe = opened
    so_far = HourRange(span.first, min(span.last, ledger.grid().last))  # a folder ahead of now waits for its hour
    with ledger.database.connect() as connection:
        listed = list_and_note(connection, landing.zone, ledger.clock())
        to_run = busy_hours(connection, listed, so_far) if again else hours_to_run(connection, ledger, listed, so_far)
    runs: list[RangeRun] = []
    waiting: list[Hour] = []
    is_interrupted = False
    if to_run:
        try:
            with stripe.kept_up():
                run_ranges(ledger, span, plan_ranges(to_run), runs)
            waiting = hours_to_bill(ledger, landing, span)
        except KeyboardInterrupt:
            is_interrupted = True
            waiting = sorted(find_undone_hours(ledger.database, listed.get, to_run, ledger.catalogue, ledger.clock()))
    with ledger.database.connect() as connection:
        summary, kinds = summarize(connection, span), exceptions_by_kind(connection, span)
    return Billed(span, len(to_run), summary, runs, waiting, kinds, is_interrupted)


def exceptions_by_kind(connection: psycopg.Connection, span: HourRange) -> Counter[str]:
    """How many are open in a span, and of those kinds of which most have no hour."""
    kinds: Counter[str] = Counter()
    for exceptions in open_exceptions(connection, span).values():
        kinds.update(exceptions)
    return kinds | Counter({kind: len(open_of_kind(connection, kind)) for kind in KINDS})


def hours_to_run(
    connection: psycopg.Connection, ledger: Ledger, listed: Mapping[Hour, str], span: HourRange
) -> list[Hour]:
    """What of a span a run would change anything in, the SQL models that a lost run has not made among it."""
    now, close_after = ledger.clock(), ledger.settings.close_after
    increments = [model.name for model in read_models(MODELS_FOLDER) if model.materialized is Materialized.INCREMENT]
    return sorted(
        find_hours_to_run(connection, listed, span, ledger.catalogue, now, close_after)
        | hours_without_increments(connection, span, increments)
    )


def run_ranges(ledger: Ledger, span: HourRange, ranges: Sequence[HourRange], runs: list[RangeRun]) -> None:
    """One run after another, each put into ``runs`` when it has ended."""
    from fridge_pipeline.orchestration.headless import headless_runner  # noqa: PLC0415 # Dagster, if anything is to run

    with headless_runner(ledger, span) as runner, Progress(*COLUMNS, console=console) as progress:
        task = progress.add_task("billing", total=sum(hours.count for hours in ranges))
        for hours in ranges:
            progress.update(task, description=f"billing {hours}")
            runs.append(runner.run(hours))
            progress.advance(task, hours.count)
        progress.update(task, description="done")


def hours_to_bill(ledger: Ledger, landing: Landing, span: HourRange) -> list[Hour]:
    """Every closed hour of a span that still waits, on a grid that reaches back to it."""
    grid = ledger.grid()
    reaching_back = HourRange(min(grid.first, span.first), grid.last)
    run, close_after = ledger.as_run("fridge bill"), ledger.settings.close_after
    waiting = find_hours_to_bill(run, landing.zone, reaching_back, close_after, is_sweep=True)
    return [hour for hour in waiting if span.first <= hour <= span.last]


def show_result(billed: Billed, location: str, start: BillingStart, *, as_json: bool) -> None:
    """The summary as a table for people, or as JSON for scripts."""
    failures = [{"hours": str(run.hours), "failure": run.failure} for run in billed.runs if run.failure is not None]
    if as_json:
        echo(
            json.dumps(
                {
                    **asdict(billed.summary),
                    "stripe": location,
                    "bill_from": None if start == EVERY_HOUR else str(start),
                    "failures": failures,
                    "not_delivered": [hour.key for hour in billed.unsettled],
                    "exceptions_by_kind": dict(billed.exceptions.most_common()),
                    "interrupted": billed.is_interrupted,
                    "hours_run": billed.to_run,
                }
            )
        )
        return
    if not billed.to_run:
        console.print(
            f"nothing to do: {billed.span} holds no new landing file, and every closed hour of it is delivered or is "
            "among the exceptions",
            soft_wrap=True,
        )
    console.print(summary_table(billed.summary, location))
    for failure in failures:
        console.print(f"{failure['hours']}: {failure['failure']}", style="red")
    if billed.is_interrupted:
        console.print(interrupted_text(billed), soft_wrap=True)
        told()
    elif billed.unsettled:
        console.print(
            f"hours not fully delivered: {len(billed.unsettled)}, the first: {billed.unsettled[0]}", style="red"
        )
    if billed.exceptions:
        kinds = ", ".join(f"{number} {kind}" for kind, number in billed.exceptions.most_common())
        console.print(
            f"open exceptions: {kinds}; what each kind means: docs/runbook.md; about one: fridge explain TENANT HOUR",
            soft_wrap=True,
        )


def interrupted_text(billed: Billed) -> str:
    """What is done, what is left, and how to go on."""
    left = len(billed.unsettled)
    first = billed.unsettled[0] if billed.unsettled else billed.span.first
    return (
        f"interrupted: {billed.to_run - left} of {billed.to_run} hours are billed or are among the exceptions, {left} "
        "are left. Nothing is lost: what Stripe had not answered yet is settled by the next run.\n"
        f"to go on: fridge bill --from {first} --to {billed.span.last}"
    )


def summary_table(summary: RangeSummary, location: str) -> Table:
    """The short table that ends a run."""
    table = Table(title=f"Billed to {location}", title_justify="left")
    figures = {
        "hours billed": summary.hours_billed,
        "readings": summary.inserted_count,
        "duplicates": summary.duplicate_count,
        "rejected": summary.rejected_count,
        "events accepted": summary.accepted,
        "open exceptions": summary.exceptions,
    }
    for name in figures:
        table.add_column(name, justify="right")
    table.add_row(*(f"{figure:,}" for figure in figures.values()))
    return table
