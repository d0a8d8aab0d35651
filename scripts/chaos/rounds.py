"""The rounds of ``make chaos``: launch, deliver, strike, kill, and note what was left; then let everything run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
import requests
from commands import Commands, Process
from landing import Gateways, tenant_name
from plan import HOURS, TENANTS, UNMAPPED, Bill, Blow, Delivery, Plan, Round

from tests.world import World

LOOK_SECONDS = 0.03
#: A round begins while so many processes of the last may still run.
LEFT_OVER = 1
#: Kills "with Stripe" fall within so many seconds after the first connection to it.
SECONDS_WITH_STRIPE = 1.5
#: A process that waits for such a kill in vain is killed after so many times the usual duration.
PATIENCE = 2.0
#: Longer than the longest delay of a ``late`` call.
LATE_SECONDS = 4.0
SWEEPS_MAX = 5
#: What whoever calls the sandbox meets while it is down.
CUT_OFF = (requests.ConnectionError, requests.Timeout)

PHASE = b"""
select
    (select count(*) from fridge.meter_events where status = 'sent' and last_sent_at >= %(since)s),
    (select count(*) from fridge.meter_events where status = 'staged' and staged_at >= %(since)s),
    (select count(*) from fridge.landing_files as file where loaded_at >= %(since)s and inserted_count > 0
        and not exists (
            select 1 from fridge.counted_hours as counted
            where counted.landing_hour = file.landing_hour and counted.counted_at >= file.loaded_at)),
    (select count(*) from fridge.meter_events where settled_at >= %(since)s),
    (select count(*) from fridge.landing_files where loaded_at >= %(since)s)
"""
LOADED = b"select path from fridge.landing_files where path = %(path)s"


@dataclass
class Tally:
    """What happened."""

    kills: int = 0
    beside_another: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    blows: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)
    tracebacks: list[str] = field(default_factory=list)
    deliveries: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    unsettled: str = ""


@dataclass
class Running:
    """A billing process and when it is to be killed; times are monotonic."""

    bill: Bill
    process: Process
    begun: float | None = None
    spoke: float | None = None

    def is_due(self, world: World, usual: float) -> bool:
        """Whether its moment has come."""
        now = time.monotonic()
        if self.begun is None:
            self.begun = now if self.process.holds(world.home / "postgres" / "holders.lock") else None
            return False
        if self.bill.killed == "at work":
            return now >= self.begun + self.bill.share * usual
        if self.bill.killed == "never":
            return False
        if self.spoke is None:
            self.spoke = now if self.process.speaks_to(world.sandbox.url) else None
            return now >= self.begun + PATIENCE * usual
        return now >= self.spoke + self.bill.share * SECONDS_WITH_STRIPE


class Chaos:
    """Plays a plan in a world until enough processes are dead."""

    def __init__(self, world: World, commands: Commands, gateways: Gateways, plan: Plan, kills: int) -> None:
        self.world, self.commands, self.gateways, self.plan, self.kills = world, commands, gateways, plan, kills
        self.tally = Tally()
        self.withdrawn: set[str] = set()
        self._waiting: list[Delivery] = []
        self._withdrawals: list[int] = []
        self._withdrawing: dict[int, Process] = {}
        self._running: list[Running] = []
        self._timers: list[tuple[float, Callable[[], object]]] = []
        self._usual = 0.0

    def begin(self) -> None:
        """Tenants, the first files, and one run that is left alone: so long does the work take."""
        tenants = self.world.home / "tenants.csv"
        lines = [f"{tenant_name(tenant)},Tenant {tenant},{customer_of(tenant)}" for tenant in range(TENANTS + 1)]
        tenants.write_text("\n".join(["tenant_id,name,stripe_customer_id", *lines, ""]), encoding="utf-8")
        imported = self.commands.launch("tenants", "import", str(tenants))
        if imported.wait():
            raise RuntimeError(imported.said())
        for delivery in self.plan.first_deliveries():
            self._deliver(delivery)
        first = Running(Bill(0, HOURS - 1, "never", 0), self._launch(0, HOURS - 1))
        while first.process.exit_code is None:
            first.is_due(self.world, 0)
            time.sleep(LOOK_SECONDS)
        self._usual = time.monotonic() - (first.begun or time.monotonic())
        self._note_end(first.process)

    def play(self, say: Callable[[int], None]) -> None:
        """Round after round, one beginning while a process of the last may still run; ``say`` is told the kills."""
        while self.tally.kills < self.kills:
            self.tally.rounds += 1
            self._start(self.plan.next_round())
            while len(self._running) > LEFT_OVER:
                self._watch()
                say(self.tally.kills)
        while self._running:
            self._watch()
        self._run_timers(float("inf"))
        self._end_faults()

    def sweep(self) -> int:
        """Lets everything run to its end; how many runs that took, 0 when it never came to one."""
        time.sleep(LATE_SECONDS)
        self.world.hold_postgres()
        for sweep in range(1, SWEEPS_MAX + 1):
            self._deliver_waiting()
            self._launch_withdrawals()
            for process in self._withdrawing.values():
                process.wait()
            self._settle_withdrawals()
            process = self._launch(0, HOURS - 1)
            code = process.wait()
            self._note_end(process)
            if code == 0 and not self._waiting and not self._withdrawals:
                return sweep
        self.tally.unsettled = process.said()
        return 0

    def rows(self, query: bytes, **parameters: object) -> list[tuple[Any, ...]] | None:
        """Rows of the books; ``None`` while PostgreSQL is down."""
        try:
            with psycopg.connect(self.world.address.dsn(), connect_timeout=3) as connection:
                return connection.execute(query, parameters).fetchall()
        except psycopg.OperationalError:
            return None

    def _start(self, planned: Round) -> None:
        if planned.is_held:
            self.world.hold_postgres()
        if planned.withdrawn is not None:
            self._withdrawals.append(planned.withdrawn)
        self._deliver_waiting()
        if planned.faults:
            self._end_faults()
            with suppress(*CUT_OFF):
                self.world.sandbox.faults(*planned.faults)
        if not planned.is_held:
            self.world.let_go_of_postgres()
        now = time.monotonic()
        self._timers += [(now + each.at, partial(self._deliver, each)) for each in planned.deliveries]
        if planned.blow is not None:
            self._timers += self._timed(planned.blow, now, is_held=planned.is_held)
        self._run_timers(now)
        self._running += [Running(bill, self._launch(bill.first, bill.last)) for bill in planned.bills]
        self._launch_withdrawals()

    def _watch(self) -> None:
        self._run_timers(time.monotonic())
        self._running = [each for each in self._running if not self._has_ended(each)]
        self._settle_withdrawals()
        time.sleep(LOOK_SECONDS)

    def _has_ended(self, running: Running) -> bool:
        process = running.process
        if process.exit_code is None and not (
            running.is_due(self.world, self._usual) and self.tally.kills < self.kills
        ):
            return False
        if process.exit_code is None and process.kill():
            self.tally.kills += 1
            self.tally.beside_another += any(each.begun and each.process.exit_code is None for each in self._running)
            self._note_phase(running)
        else:
            self._note_end(process)
        return True

    def _note_phase(self, killed: Running) -> None:
        """How far it had come, by what it left in the books."""
        found = self.rows(PHASE, since=killed.process.launched_at)
        if not found:
            self.tally.phases["while PostgreSQL was down"] += 1
            return
        sent, staged, uncounted, settled, loaded = found[0]
        left = {"statements sent, answer not written": sent, "statements staged, not sent": staged}
        self.tally.left.update({**left, "files loaded, not counted": uncounted})
        states = {
            "between a statement sent and its answer written": sent,
            "between a statement staged and sent": staged,
            "between files loaded and counted": uncounted,
            "after answers were written": settled,
            "after files were loaded and counted": loaded,
            "before anything had changed": True,
        }
        phase = next(name for name, count in states.items() if count)
        self.tally.phases[phase] += 1

    def _note_end(self, process: Process) -> None:
        self.tally.exits[process.wait()] += 1
        self._note_traceback(process)

    def _note_traceback(self, process: Process) -> None:
        said = process.said()
        if "Traceback" in said or process.exit_code not in {0, 1}:
            self.tally.tracebacks.append(f"{' '.join(process.arguments)}: exit code {process.exit_code}\n{said}")

    def _launch(self, first: int, last: int) -> Process:
        return self.commands.launch("bill", "--from", self.gateways.key(first), "--to", self.gateways.key(last))

    def _timed(self, blow: Blow, now: float, *, is_held: bool) -> list[tuple[float, Callable[[], object]]]:
        struck, again = now + blow.at, now + blow.at + blow.lasts
        if blow.kind == "Stripe cut off":
            return [
                (struck, self._end_faults),  # it would forget them
                (struck, partial(self._strike, blow.kind, self.world.cut_stripe)),
                (again, self.world.restore_stripe),
            ]
        fell = {"PostgreSQL killed": self.world.kill_postgres, "PostgreSQL stopped": self.world.server.stop}
        strike = partial(self._strike, blow.kind, fell[blow.kind])
        return [(struck, strike), (again, self.world.hold_postgres)] if is_held else [(struck, strike)]

    def _strike(self, kind: str, strike: Callable[[], bool]) -> None:
        self.tally.blows[kind] += strike()

    def _run_timers(self, until: float) -> None:
        for due in sorted((each for each in self._timers if each[0] <= until), key=lambda each: each[0]):
            self._timers.remove(due)
            due[1]()

    def _deliver(self, delivery: Delivery) -> None:
        is_too_early = {
            "copy": not self._is_loaded(delivery.original),
            "grown": not self.gateways.has_delivered(delivery.number),
        }
        if is_too_early.get(delivery.kind, False):
            self._waiting.append(delivery)
            return
        self.gateways.deliver(delivery)
        self.tally.deliveries[delivery.kind] += 1

    def _is_loaded(self, number: int) -> bool:
        if not self.gateways.has_delivered(number):
            return False
        return bool(self.rows(LOADED, path=self.gateways.path_of(number)))

    def _deliver_waiting(self) -> None:
        """What came too early: copies wait until their original is loaded."""
        waiting, self._waiting = self._waiting, []
        for delivery in waiting:
            self._deliver(delivery)

    def _launch_withdrawals(self) -> None:
        reason = ("--reason", "readings of a test bench", "--by", "chaos")
        for number in self._withdrawals:
            if number not in self._withdrawing and self._is_loaded(number):
                self._withdrawing[number] = self.commands.launch("withdraw", self.gateways.path_of(number), *reason)

    def _settle_withdrawals(self) -> None:
        """One that failed with PostgreSQL, before or after its commit, is tried again later."""
        for number, process in list(self._withdrawing.items()):
            if process.exit_code is None:
                continue
            del self._withdrawing[number]
            self._note_traceback(process)
            if process.exit_code == 0 or "already withdrawn" in process.said():
                self._withdrawals.remove(number)
                self.withdrawn.add(self.gateways.path_of(number))

    def _end_faults(self) -> None:
        with suppress(*CUT_OFF):
            self.tally.faults.update({each["kind"]: each["fired"] for each in self.world.sandbox.faults()})
            self.world.sandbox.clear_faults()


def customer_of(tenant: int) -> str:
    """A tenant's Stripe customer; the last tenant has none."""
    return "" if tenant == UNMAPPED else f"cus_chaos{tenant}"
