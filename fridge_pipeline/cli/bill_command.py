"""``fridge bill``: bring Stripe's books to the usage of some hours; ``--dry-run`` shows what that would be."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from fridge_pipeline.billing.books_beside_files import RangeSummary, summarize
from fridge_pipeline.billing.hours_to_bill import find_undone_hours, sweep_hours
from fridge_pipeline.billing.plan_billing import BillingPlan, busy_hours
from fridge_pipeline.calendar.hours import Hour, HourRange, plan_ranges
from fridge_pipeline.catalogue.billing_start import EVERY_HOUR, BillingStart
from fridge_pipeline.cli.calendar_keys import HourKey
from fridge_pipeline.cli.interruption import ended_by_signals, exit_code, told
from fridge_pipeline.cli.terminal import console, echo, installation
from fridge_pipeline.database.exceptions import open_exceptions, open_of_kind
from fridge_pipeline.ingest.note_losses import KINDS, list_and_note
from fridge_pipeline.installation import Installation, Landing, Ledger
from fridge_pipeline.invoices.rules import priced_change
from fridge_pipeline.invoices.rules.priced_change import PricedChange
from fridge_pipeline.orchestration.headless import RangeRun, headless_runner
from fridge_pipeline.orchestration.plan_asset import plan_of
from fridge_pipeline.reason_codes import cause_in_words
from fridge_pipeline.visible import as_lines

#: Tenants and meters that are shown; all of them are in the JSON.
CHANGES_SHOWN = 40

#: What becomes of usage that would not be stated, where the verdict is no cause of a difference.
VERDICTS = {
    "take_back": "statements that were never sent would be taken back",
    "credit": "too much stated: cancelled where Stripe still allows it, else a credit",
}


def as_mapping(plan: BillingPlan, priced: Sequence[PricedChange]) -> dict[str, Any]:
    """The whole plan for scripts."""
    return {
        "hours": [hour.key for hour in plan.hours],
        "runs": [str(each) for each in plan.runs],
        "hours_to_load": [hour.key for hour in plan.to_load],
        "hours_that_change": [hour.key for hour in plan.changing],
        "changes": [
            {
                "tenant_id": change.tenant_id,
                "meter": change.meter,
                "hours": change.hours,
                "before": change.before,
                "after": change.after,
            }
            for change in plan.changes
        ],
        "money": [priced_change.as_mapping(each) for each in priced],
        "waiting": plan.waiting,
        "calls": plan.calls,
        "seconds": plan.seconds,
    }


def as_text(plan: BillingPlan, priced: Sequence[PricedChange]) -> str:
    """The plan in words; nothing was sent or written."""
    lines = [f"{len(plan.hours)} hours hold landing files or history; they would be run as {len(plan.runs)} runs:"]
    lines += [f"  {each} ({each.count} hours)" for each in plan.runs]
    if plan.to_load:
        lines.append(
            f"{len(plan.to_load)} hours have landing files that are not loaded yet, the first {plan.to_load[0]}: "
            "what these change is known only once they are loaded"
        )
    lines.append(
        f"from what is loaded {len(plan.changing)} hours change at Stripe: {plan.calls} calls, "
        f"{plan.seconds:.1f} s at the limit of calls"
    )
    for change in plan.changes[:CHANGES_SHOWN]:
        lines.append(
            f"  {change.tenant_id} {change.meter}: {change.before} -> {change.after} "
            f"({change.after - change.before:+}) in {change.hours} hours"
        )
        account = (change.tenant_id, change.meter)
        of_change = [each for each in priced if (each.tenant_id, each.event_name) == account]
        lines += [f"    {priced_change.in_words(each)}" for each in of_change]
    if len(plan.changes) > CHANGES_SHOWN:
        lines.append(f"  and {len(plan.changes) - CHANGES_SHOWN} more tenants and meters (see --json)")
    lines += [
        f"{number} not stated; {VERDICTS.get(verdict) or cause_in_words(verdict)}"
        for verdict, number in plan.waiting.items()
    ]
    return as_lines(lines)


#: After a signal: a person who pressed Ctrl-C waits no longer than two seconds.
ENDING_SECONDS_MAX = 1.8


@dataclass(frozen=True, slots=True)
class Billed:
    """What a ``fridge bill`` came to; ``busy`` hours had something to do, and ``unsettled`` ones still have."""

    span: HourRange
    busy: int
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
    "--dry-run", is_flag=True, help="Show what would be run and what it changes, in money too; write nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def bill(first: Hour, last: Hour, dry_run: bool, as_json: bool) -> None:
    """Load, count and bill every hour from KEY to KEY, both included.

    Prints a summary. Hours in which nothing was delivered cost nothing. Exit code 1 if any hour is not fully delivered
    or excepted.
    """
    if last < first:
        raise click.UsageError(f"--to {last} lies before --from {first}")
    span = HourRange(first, last)
    words = f"interrupted, and nothing is lost; to go on: fridge bill --from {first} --to {last}"
    with ended_by_signals(ENDING_SECONDS_MAX, words), installation(decides_start=not dry_run) as opened:
        if dry_run:
            planned = plan_of(opened.ledger, opened.landing, span)
            echo(json.dumps(as_mapping(*planned)) if as_json else as_text(*planned))
            return
        with opened.stripe.kept_up():
            billed = bill_range(opened, span)
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


def bill_range(opened: Installation, span: HourRange) -> Billed:
    """Runs the busy hours of a span with a progress bar and sums up what the books say afterwards.

    An interruption ends the runs, and not the summing up.
    """
    ledger, landing, _ = opened
    so_far = HourRange(span.first, min(span.last, ledger.grid().last))  # a folder ahead of now waits for its hour
    with ledger.database.connect() as connection:
        listed = list_and_note(connection, landing.zone, ledger.clock())
        busy = busy_hours(connection, listed, so_far)
    runs: list[RangeRun] = []
    is_interrupted = False
    try:
        run_ranges(ledger, span, plan_ranges(busy), runs)
    except KeyboardInterrupt:
        is_interrupted = True
    if is_interrupted:
        waiting = sorted(find_undone_hours(ledger.database, listed.get, busy, ledger.catalogue, ledger.clock()))
    else:
        waiting = [hour for hour in hours_to_bill(ledger, landing, span) if span.first <= hour <= span.last]
    with ledger.database.connect() as connection:
        kinds: Counter[str] = Counter()
        for exceptions in open_exceptions(connection, span).values():
            kinds.update(exceptions)
        kinds |= Counter({kind: len(open_of_kind(connection, kind)) for kind in KINDS})  # most have no hour of the span
        return Billed(span, len(busy), summarize(connection, span), runs, waiting, kinds, is_interrupted)


def run_ranges(ledger: Ledger, span: HourRange, ranges: Sequence[HourRange], runs: list[RangeRun]) -> None:
    """One run after another, each put into ``runs`` when it has ended."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("hours"),
        TimeElapsedColumn(),
    )
    with headless_runner(ledger, span) as runner, Progress(*columns, console=console) as progress:
        task = progress.add_task("billing", total=sum(hours.count for hours in ranges))
        for hours in ranges:
            progress.update(task, description=f"billing {hours}")
            runs.append(runner.run(hours))
            progress.advance(task, hours.count)
        progress.update(task, description="done")


def hours_to_bill(ledger: Ledger, landing: Landing, span: HourRange) -> list[Hour]:
    """Every closed hour that still waits, on a grid that reaches back to the span."""
    grid = ledger.grid()
    reaching_back = HourRange(min(grid.first, span.first), grid.last)
    return sweep_hours(
        ledger.database, landing.zone, reaching_back, ledger.catalogue, ledger.clock(), ledger.settings.close_after
    )


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
                }
            )
        )
        return
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
        f"interrupted: {billed.busy - left} of {billed.busy} hours are billed or stand in the exceptions, {left} are "
        "left. Nothing is lost: what Stripe had not answered yet is settled by the next run.\n"
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
