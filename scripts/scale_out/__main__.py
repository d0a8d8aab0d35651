"""``make scale-out``: heavy hours on Celery workers, one of them killed, against the launcher of one machine.

Everything is real: Dagster with daemon and code server, PostgreSQL, a Stripe sandbox over HTTP, Redis, and each worker
a process with folders of its own, as on another machine. Every round has a fresh database and loads the same landing
files, each hour a run of its own. Exit code 1 when a total is wrong, 2 without ``redis-server``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cluster import cluster
from deliveries import FILES_PER_HOUR, SENSORS, Landed, closed_hours, land
from one_hour import HourSpeed, measure_one_hour
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rounds import Outcome, Plan, play

from fridge_pipeline.cli.interruption import ended_by_signals

ROUNDS = (
    Plan("celery, one killed", "celery", kills=True),
    Plan("default launcher", "default"),
    Plan("celery", "celery"),
    Plan("one ranged run", "default", ranged=True),
)

#: One is killed, and the others go on.
SLOTS_MIN = 2

console = Console(width=max(Console().width, 100))  # in a file, too, the tables need their columns


def main(arguments: Sequence[str]) -> int:
    """Lands, runs the rounds, prints the tables."""
    asked = _arguments(arguments)
    redis = shutil.which("redis-server")
    if redis is None:
        console.print("redis-server is missing. On Debian: apt install redis-server", style="red")
        return 2
    with tempfile.TemporaryDirectory(prefix="scale-out-") as directory, ended_by_signals():
        root = Path(directory)
        with console.status("delivering"):
            landed = land(
                root / "landing", closed_hours(datetime.now(UTC), asked.hours), asked.readings, seed=asked.seed
            )
        console.print(
            f"{landed.files} landing files delivered for {asked.hours} hours, {asked.readings:,} readings an hour: "
            f"{landed.rows:,} rows = {landed.readings:,} readings + {landed.repeated:,} brought once more + "
            f"{landed.rejected:,} broken",
            soft_wrap=True,
        )
        outcomes = []
        for number in asked.rounds:
            outcomes.append(_play(ROUNDS[number], root, asked.slots, landed, redis))
            _show(outcomes[-1])
        console.print(_times_table(outcomes))
        if asked.one_hour:
            console.print(_hour_table(measure_one_hour(root / "one-hour", asked.one_hour, asked.seed)))
        wrong = [outcome.plan.name for outcome in outcomes if not outcome.is_right]
    console.print(f"[red]wrong totals: {', '.join(wrong)}" if wrong else "[green]all totals of all rounds are right")
    return 1 if wrong else 0


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scale_out", description="Heavy hours on Celery workers, one killed.")
    parser.add_argument("--hours", type=int, default=48)
    parser.add_argument("--readings", type=int, default=200_000, help=f"an hour; a multiple of {SENSORS}")
    parser.add_argument("--slots", type=int, default=2, help="runs at the same time; with Celery, workers")
    names = ", ".join(f"{number} {plan.name}" for number, plan in enumerate(ROUNDS))
    parser.add_argument(
        "--rounds", type=int, nargs="+", choices=range(len(ROUNDS)), default=range(len(ROUNDS)), help=names
    )
    parser.add_argument("--one-hour", type=int, default=2_000_000, help="readings of one hour in shards; 0: do not")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    for readings in (asked.readings, asked.one_hour):
        if readings % SENSORS or readings % FILES_PER_HOUR:
            parser.error(f"readings must be a multiple of {SENSORS} and {FILES_PER_HOUR}")
    if asked.slots < SLOTS_MIN or asked.hours < 1:
        parser.error("at least two slots and one hour")
    return asked


def _play(plan: Plan, root: Path, slots: int, landed: Landed, redis: str) -> Outcome:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(plan.name, total=landed.hours.count)
        said = ""

        def say(what: str, hours_done: int) -> None:
            nonlocal said
            progress.update(task, completed=hours_done)
            if what != said:
                progress.console.print(f"  {what.removeprefix(said).removeprefix('; ')}", soft_wrap=True)
                said = what

        home = root / plan.name.replace(" ", "-").replace(",", "")
        return play(plan, cluster(home, plan.launcher, slots, root / "landing", landed, redis), landed, say)


def _show(outcome: Outcome) -> None:
    """What can be said of a round by itself."""
    if outcome.workers:
        console.print(_workers_table(outcome))
        console.print(outcome.kill, soft_wrap=True)
    if outcome.kill or not outcome.is_right:
        console.print(_totals_table(outcome))
    console.print(_times_table([outcome]))


def _workers_table(outcome: Outcome) -> Table:
    table = Table(title=f"{outcome.plan.name}: who did what", title_justify="left")
    for name in ("worker", "runs", "lost runs", "readings stored"):
        table.add_column(name, justify="left" if name == "worker" else "right")
    for worker, work in outcome.workers.items():
        table.add_row(worker, f"{work.runs}", f"{work.lost}", f"{work.readings:,}")
    return table


def _totals_table(outcome: Outcome) -> Table:
    table = Table(title=f"{outcome.plan.name}: totals", title_justify="left")
    for name in ("", "landed", "found"):
        table.add_column(name, justify="right" if name else "left")
    for total in outcome.totals:
        table.add_row(total.what, f"{total.landed:,}", f"{total.found:,}", style=None if total.is_right else "red")
    return table


def _times_table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="time", title_justify="left")
    for name in ("round", "runs", "lost", "again", "s/run", "work s", "all s", "CPU s", "totals"):
        table.add_column(name, justify="left" if name == "round" else "right", no_wrap=True)
    for outcome in outcomes:
        table.add_row(
            outcome.plan.name,
            f"{outcome.succeeded}",
            f"{outcome.failed}",
            f"{outcome.retried}",
            f"{outcome.median_slot_seconds:.1f}",
            f"{outcome.median_work_seconds:.1f}",
            f"{outcome.seconds:.0f}",
            f"{outcome.cpu_seconds:.0f}",
            "right" if outcome.is_right else "WRONG",
        )
    return table


def _hour_table(speeds: Sequence[HourSpeed]) -> Table:
    table = Table(title="one hour in shards, no Dagster", title_justify="left")
    for name in ("processes", "shards", "s", "readings/s", "count, s"):
        table.add_column(name, justify="right")
    for speed in speeds:
        table.add_row(
            f"{speed.processes}",
            f"{speed.shards}",
            f"{speed.load_seconds:.1f}",
            f"{speed.readings / speed.load_seconds:,.0f}",
            f"{speed.count_seconds:.2f}",
        )
    return table


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running", style="yellow")
        sys.exit(1)
