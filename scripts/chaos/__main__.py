"""``make chaos KILLS=200 SEED=1``: real billing processes, killed at random moments; then the totals must be right.

Every process is the command ``fridge bill``: real Dagster, real PostgreSQL, real HTTP to a Stripe sandbox. While they
are killed with SIGKILL, alone or two at a time over overlapping hours, PostgreSQL falls and Stripe is cut off or
answers badly, and gateways go on delivering. At the end everything is let run, and what the sandbox counted must be
what the landing files come to. The same seed plans the same deliveries, kills and blows; only the timing is real.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from commands import Commands
from landing import Gateways, Usage, tenant_name
from plan import HOURS, TENANTS, Plan
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rounds import Chaos, customer_of

from tests.world import World

#: The last hour of the plan ended so long ago: all are closed.
HOURS_AGO = 3

#: How long a call is at work in the sandbox: delivery shall take a while, so that it can be struck.
SERVICE_SECONDS = 0.1

SHOWN = 10
METERS = ("temperature_readings", "active_sensors")

STORED = b"select count(*) from fridge.stored_readings"
STATEMENTS = b"select status, count(*) from fridge.meter_events group by status order by status"
REVISIONS = b"select max(revision), max(attempts) from fridge.meter_events"
EXCEPTIONS = b"""
select kind, tenant_id, to_char(hour at time zone 'UTC', 'YYYY-MM-DD-HH24:00'), detail from fridge.exceptions
where closed_at is null
"""

console = Console()


@dataclass
class Proof:
    """What Stripe counted against what the landing files come to, and what the books say about it."""

    expected: Usage
    counted: Usage
    landed: int
    stored: int
    excepted: set[tuple[str, str]]
    exceptions: Counter[str]
    statements: dict[str, int]
    revision: int
    attempts: int

    @property
    def differences(self) -> dict[tuple[str, str, str], int]:
        """(tenant, meter, hour) → how much Stripe counted too much; negative is too little."""
        keys = {*self.expected, *self.counted}
        found = {key: self.counted.get(key, 0) - self.expected.get(key, 0) for key in keys}
        return {key: more for key, more in sorted(found.items()) if more}

    @property
    def unexplained(self) -> dict[tuple[str, str, str], int]:
        """Differences that no open exception of their tenant and hour tells of."""
        return {key: more for key, more in self.differences.items() if (key[0], key[2]) not in self.excepted}

    @property
    def open_statements(self) -> int:
        """Statements that still wait for an answer."""
        return sum(self.statements.get(status, 0) for status in ("staged", "sent", "unknown"))

    @property
    def holds(self) -> bool:
        """Nothing over-billed, nothing lost, nothing under way."""
        return not self.unexplained and self.landed == self.stored and not self.open_statements


def main() -> int:
    """Exit code 0 when every total is right, else 1."""
    asked = _parser().parse_args()
    for ending in (signal.SIGINT, signal.SIGTERM):  # either leaves nothing behind
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    logging.getLogger("fridge_pipeline").setLevel(logging.ERROR)  # that PostgreSQL is stopped under others is our aim
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS + HOURS_AGO)
        gateways = Gateways(Path(folder) / "landing", first)
        with World(Path(folder)) as world:
            world.sandbox.settings(service_seconds=SERVICE_SECONDS)
            commands = Commands(world, gateways.key(0))
            try:
                chaos = Chaos(world, commands, gateways, Plan(asked.seed), asked.kills)
                sweeps = _torment(chaos)
                proof = _prove(chaos)
                _show(chaos, proof, sweeps, asked.seed)
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is impatient would be left with the processes
                commands.end()
    console.print(f"{time.monotonic() - begun:,.0f} seconds")
    return 0 if proof.holds and sweeps and not chaos.tally.tracebacks else 1


def _torment(chaos: Chaos) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("kills"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("first run", total=chaos.kills)
        chaos.begin()
        progress.update(task, description="killing")
        chaos.play(lambda kills: progress.update(task, completed=kills))
        progress.update(task, description="sweeping")
        sweeps = chaos.sweep()
        progress.update(task, description="done")
    return sweeps


def _prove(chaos: Chaos) -> Proof:
    expected, landed = chaos.gateways.expected(chaos.withdrawn)
    tenants = {customer_of(tenant): tenant_name(tenant) for tenant in range(TENANTS)}
    counted = {
        (tenants[row["customer"]], row["event_name"], row["hour"]): int(row["value"])
        for row in chaos.world.sandbox.usage()["data"]
    }
    chaos.world.hold_postgres()
    stored, statements, revisions, exceptions = (
        chaos.rows(query) or [] for query in (STORED, STATEMENTS, REVISIONS, EXCEPTIONS)
    )
    return Proof(
        expected=expected,
        counted=counted,
        landed=landed,
        stored=stored[0][0],
        excepted={(tenant, hour) for _, tenant, hour, _ in exceptions},
        exceptions=Counter(kind for kind, *_ in exceptions),
        statements=dict(statements),
        revision=revisions[0][0],
        attempts=revisions[0][1],
    )


def _show(chaos: Chaos, proof: Proof, sweeps: int, seed: int) -> None:
    tally = chaos.tally
    _print_counts(f"seed {seed}; processes killed with SIGKILL, all of them fridge bill", tally.kills, tally.phases)
    console.print(f"    of these while another was at work: {tally.beside_another}", highlight=False)
    _print_counts("found in the books after kills, added up", None, tally.left)
    ends = {f"with exit code {code}": times for code, times in sorted(tally.exits.items())}
    _print_counts("processes that came to their end", tally.exits.total(), ends)
    _print_counts("PostgreSQL felled, Stripe cut off", tally.blows.total(), tally.blows)
    _print_counts("calls that Stripe answered badly", tally.faults.total(), tally.faults)
    _print_counts("deliveries", tally.deliveries.total(), tally.deliveries)
    console.print(f"files withdrawn: {len(chaos.withdrawn)}; rounds: {tally.rounds}; sweeps until settled: {sweeps}")
    hours = {hour for _, _, hour in proof.expected}
    console.print(
        f"hours: {len(hours)}; landing files: {chaos.gateways.files:,}; readings landed: {proof.landed:,}, "
        f"stored: {proof.stored:,}"
    )
    _print_counts(
        f"meter events, up to revision {proof.revision}, in up to {proof.attempts} attempts",
        sum(proof.statements.values()),
        proof.statements,
    )
    _print_counts("open exceptions", proof.exceptions.total(), proof.exceptions)
    for text, times in Counter(map(_in_short, tally.tracebacks)).most_common(SHOWN):
        console.print(f"[red]{times} ended badly:[/]", highlight=False)
        console.print(text, markup=False, highlight=False)
    if not sweeps:
        console.print("[red]it never settled; the last sweep said:[/]")
        console.print(tally.unsettled, markup=False, highlight=False)
    for (tenant, meter, hour), more in list(proof.unexplained.items())[:SHOWN]:
        console.print(f"[red]{tenant} {meter} {hour}: {more:+,} in Stripe[/]", highlight=False)
    excepted = len(proof.differences) - len(proof.unexplained)
    console.print(f"tenant-meter-hours: {len({*proof.expected, *proof.counted}):,}, of which excepted: {excepted:,}")
    over = sum(more for more in proof.unexplained.values() if more > 0)
    lost = sum(-more for more in proof.unexplained.values() if more < 0) + abs(proof.landed - proof.stored)
    for name, count in (("over-billed", over), ("lost", lost), ("commands that ended badly", len(tally.tracebacks))):
        console.print(f"{name}: {count:,}", style="red" if count else "green")


def _print_counts(title: str, total: int | None, counts: Mapping[str, int]) -> None:
    console.print(title + ("" if total is None else f": {total:,}"), highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 4))
    for name, times in sorted(counts.items(), key=lambda each: -each[1]):
        table.add_row(name, f"{times:,}")
    if counts:
        console.print(table)


def _in_short(said: str) -> str:
    """Of a command's last words the command, where our own code was, and the error."""
    lines = said.splitlines()
    where = [line.strip() for line in lines if "/fridge_pipeline/" in line and line.strip().startswith("File")]
    error = [line for line in lines if line and not line.startswith(" ") and ": " in line]
    raised = [line for line in error if "Error" in line.split(":")[0] or "Exception" in line.split(":")[0]]
    command, code = said.partition(" ")[0], lines[0].rpartition(": ")[2]
    return "\n".join([f"  fridge {command}, {code}", *(f"    {line}" for line in [*where[-3:], *raised[-1:]])])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
