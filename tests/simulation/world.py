"""The simulated world: real steps, a real PostgreSQL, the sandbox over HTTP, one clock for all of them."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from adbc_driver_manager import dbapi as adbc_dbapi
from adbc_driver_postgresql import dbapi as adbc_postgresql
from psycopg import sql

from fridge_pipeline.adapters.embedded_server.address import ServerAddress
from fridge_pipeline.adapters.landing.local import LocalLanding
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.domain.day_range import DayRange, day_of
from fridge_pipeline.domain.hour import Hour
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.domain.meter import CATALOGUE, Formula, Measure, Meter, Window
from fridge_pipeline.steps.collect_refusals import collect_refusals
from fridge_pipeline.steps.reconcile import reconcile_days
from fridge_pipeline.steps.watch import find_hours_to_bill
from fridge_pipeline.steps.withdraw import withdraw_file
from tests.pipeline import CLOSE_AFTER, Clock, Pipeline
from tests.sandbox_process import SandboxProcess

#: Every schedule of a database has hours of its own, so that none sees what another left behind.
FIRST_HOUR = Hour(datetime(2026, 3, 1, tzinfo=UTC))
HOURS_PER_SCHEDULE = 4
HOURS_APART = 24  # and a day, which is what is reconciled
#: What the end of a session does to locks, temporary tables and settings.
AS_NEW = "select pg_advisory_unlock_all(); discard temp; reset all"

#: A new database now and then keeps the sweep's queries as fast in the last schedule as in the first.
SCHEDULES_PER_DATABASE = 80

RAW = (
    Meter("temperature_readings", "Readings", Measure.INSERTED_COUNT, Formula.SUM, Window.NONE),
    Meter("active_sensors", "Sensors", Measure.ACTIVE_SENSORS, Formula.LAST, Window.NONE),
)
CATALOGUES = {"hour windows": CATALOGUE, "raw meters": RAW}

#: Tenant, event name, hour.
Place = tuple[str, str, datetime]

USAGE = """
    with measured as (
        select tenant_id, landing_hour as hour, count(*) as inserted, count(distinct sensor_id) as sensors
        from fridge.readings where not is_withdrawn and landing_hour between %(first)s and %(last)s
        group by tenant_id, landing_hour
    )
    select tenant_id, 'temperature_readings', hour, inserted from measured
    union all
    select tenant_id, 'active_sensors', hour, sensors from measured
"""

EXCEPTIONS = """
    select exceptions.tenant_id, coalesce(meter_events.event_name, exceptions.subject), exceptions.hour, kind
    from fridge.exceptions
    left join fridge.meter_events on replace(exceptions.subject, 'cancel:', '') = meter_events.identifier
    where closed_at is null and exceptions.hour between %(first)s and %(last)s
"""


@dataclass
class Tally:
    """What a simulation has been through."""

    schedules: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    excepted: Counter[str] = field(default_factory=Counter)
    delivered: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the summary."""
        return {
            "schedules": self.schedules,
            "delivered": self.delivered,
            "steps": dict(self.steps),
            "crashes": dict(self.crashes),
            "faults": dict(self.faults),
            "excepted": dict(self.excepted),
        }


@dataclass(frozen=True)
class KeptOpen(Database):
    """The same database, its connections kept open between steps: to open one takes longer than a step.

    What a dying step had not committed is rolled back, as it is when its connection ends.
    """

    bulk: dict[bool, adbc_dbapi.Connection] = field(default_factory=dict, compare=False)
    looking: list[psycopg.Connection] = field(default_factory=list, compare=False)
    idle: list[psycopg.Connection] = field(default_factory=list, compare=False)

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """As ``Database.connect``; a connection left in peace is handed out again as if it were new.

        One in whose block something was raised is closed, as a dying process closes it.
        """
        opened = self.idle.pop() if self.idle else psycopg.connect(self.dsn, autocommit=True, options="-c timezone=UTC")
        try:
            yield opened
        except BaseException:
            opened.close()
            raise
        opened.execute(AS_NEW)
        self.idle.append(opened)

    def look(self, query: str, parameters: dict[str, datetime]) -> list[tuple[Any, ...]]:
        """What the books hold, for the simulation's own eyes."""
        if not self.looking:
            self.looking.append(psycopg.connect(self.dsn, autocommit=True))
        return self.looking[0].execute(query.encode(), parameters).fetchall()

    @contextmanager
    def connect_bulk(self, *, autocommit: bool = False) -> Iterator[adbc_dbapi.Connection]:
        """As ``Database.connect_bulk``."""
        if autocommit not in self.bulk:
            self.bulk[autocommit] = adbc_postgresql.connect(self.dsn, autocommit=autocommit)
        try:
            yield self.bulk[autocommit]
        finally:
            if not autocommit:
                self.bulk[autocommit].rollback()

    def close(self) -> None:
        """Ends what was kept open."""
        for bulk in self.bulk.values():
            bulk.close()
        for connection in (*self.looking, *self.idle):
            connection.close()
        self.bulk.clear()
        self.looking.clear()
        self.idle.clear()


@dataclass
class Parts:
    """What all schedules of a process share."""

    server: ServerAddress
    sandbox: SandboxProcess
    folder: Path
    tally_file: Path | None = None
    tally: Tally = field(default_factory=Tally)
    _database: KeptOpen | None = None
    _used: int = 0

    def next_schedule(self) -> tuple[KeptOpen, Hour]:
        """A database, and the first hour that is a new schedule's own there."""
        if self._database is None or self._used == SCHEDULES_PER_DATABASE:
            self.close()
            self._database, self._used = self._new_database(), 0
        first = FIRST_HOUR.plus(self._used * HOURS_APART)
        self._used += 1
        return self._database, first

    def keep_tally(self) -> None:
        """For whoever watches."""
        if self.tally_file is not None:
            self.tally_file.write_text(json.dumps(self.tally.as_json()), encoding="utf-8")

    def close(self) -> None:
        """Ends the connections of the current database."""
        if self._database is not None:
            self._database.close()

    def _new_database(self) -> KeptOpen:
        name = f"simulation_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {} template prepared").format(sql.Identifier(name)))
            connection.execute(sql.SQL("alter database {} set synchronous_commit = off").format(sql.Identifier(name)))
        return KeptOpen(self.server.dsn(name))


class World:
    """One schedule's world: its hours, its tenants, what was landed and what may be said of it."""

    def __init__(self, parts: Parts, catalogue: tuple[Meter, ...], lag_seconds: int) -> None:
        self.parts = parts
        self.sandbox = parts.sandbox
        self.sandbox.reset()
        self.sandbox.settings(lag_seconds=lag_seconds, calls_per_second=None)
        self.database, first = parts.next_schedule()
        self.hours = [first.plus(step) for step in range(HOURS_PER_SCHEDULE)]
        self.span = HourRange(self.hours[0], self.hours[-1])
        self.clock = Clock(self.hours[-1].end + timedelta(minutes=30))
        self._tell_the_time()
        name = f"{first.compact}-{uuid.uuid4().hex[:8]}"
        self.pipeline = Pipeline(
            self.database,
            self.sandbox,
            parts.folder / name / "landing",
            parts.folder / name / "work",
            self.clock,
            catalogue=catalogue,
        )
        self.name = name
        self.tenant_of_customer: dict[str, str] = {}
        self.most_ever: Counter[Place] = Counter()
        self.broken_by_stripe = False
        parts.tally.schedules += 1

    def tenant(self, letter: str) -> str:
        """A tenant that is this schedule's alone."""
        return f"{letter}-{self.name}"

    def map_tenant(self, letter: str) -> None:
        """Gives a tenant a customer, or another one."""
        customer = self.pipeline.add_tenant(self.tenant(letter))
        self.tenant_of_customer[customer] = self.tenant(letter)

    def advance(self, **by: float) -> None:
        """Moves the one clock that pipeline and sandbox have; late requests arrive meanwhile."""
        self.clock.advance(**by)
        self._tell_the_time()

    def _tell_the_time(self) -> None:
        self.sandbox.set_clock(now=self.clock.now.timestamp(), frozen=True)

    def sweep(self) -> list[Hour]:
        """What hourly_billing would run now; comparing every hour anew finds the same."""
        found = self._find_hours_to_bill()
        with self.pipeline.database.connect() as connection:
            connection.execute("update fridge.swept_catalogue set event_names = '{}'")
        assert self._find_hours_to_bill() == found
        return found

    def _find_hours_to_bill(self) -> list[Hour]:
        zone = LocalLanding(str(self.pipeline.landing))
        return find_hours_to_bill(
            self.pipeline.database, zone, self.span, self.pipeline.catalogue, self.clock(), CLOSE_AFTER
        )

    def reconcile(self) -> None:
        """What the sensor and the daily schedule do: ask what was refused later, and compare with Stripe's totals."""
        gateway = self.pipeline.gateway
        collect_refusals(self.pipeline.database, lambda: gateway, None, self.clock)
        day = day_of(self.hours[0])
        reconcile_days(
            self.pipeline.database,
            lambda: gateway,
            DayRange(day, day),
            self.pipeline.catalogue,
            self.clock,
            "simulation",
            reads_max=10**9,
        )

    def usage(self) -> Counter[Place]:
        """What the stored readings come to, in SQL: another way than the one the pipeline counts by."""
        usage: Counter[Place] = Counter()
        for tenant, event_name, hour, value in self._rows(USAGE):
            usage[tenant, event_name, hour] = value
        self.most_ever |= usage
        return usage

    def stripe(self) -> Counter[Place]:
        """What Stripe truly counts, over all customers that a tenant ever had."""
        return self._totals(self.sandbox.usage())

    def _totals(self, tally: dict[str, Any]) -> Counter[Place]:
        totals: Counter[Place] = Counter()
        for row in tally["data"]:
            place = (self.tenant_of_customer[row["customer"]], row["event_name"], Hour.from_key(row["hour"]).start)
            totals[place] += row["value"]
        return totals

    def exceptions(self) -> dict[Place, str]:
        """Place → kind of an open exception about it."""
        return {(tenant, name, hour): kind for tenant, name, hour, kind in self._rows(EXCEPTIONS)}

    def overbilled(self) -> dict[Place, tuple[int, int]]:
        """Where Stripe has more than the usage has ever been: (Stripe's, the most there ever was).

        Not once Stripe itself has counted something twice: that is found by reconciling.
        """
        self.usage()
        tally = self.sandbox.usage()
        if tally["faults"].get("count_twice"):
            return {}
        totals = self._totals(tally)
        return {
            place: (total, self.most_ever[place]) for place, total in totals.items() if total > self.most_ever[place]
        }

    def unexplained_differences(self) -> dict[Place, tuple[int, int]]:
        """Where Stripe and usage differ and no exception says so: (Stripe's, the usage)."""
        usage, stripe, excepted = self.usage(), self.stripe(), self.exceptions()
        differing = {place for place in usage | stripe if usage[place] != stripe[place]}
        self.parts.tally.delivered += len(set(usage) - differing)
        self.parts.tally.excepted.update(excepted[place] for place in differing & set(excepted))
        return {place: (stripe[place], usage[place]) for place in differing - set(excepted)}

    def statements(self) -> dict[str, tuple[int, datetime | None]]:
        """Identifier → value and first attempt, as committed."""
        rows = self._rows(
            "select identifier, value, first_sent_at from fridge.meter_events where hour between %(first)s and %(last)s"
        )
        return {identifier: (value, first_sent_at) for identifier, value, first_sent_at in rows}

    def in_doubt(self) -> bool:
        """Whether something sent is undecided, and Stripe will be read back again."""
        rows = self._rows(
            "select 1 from fridge.meter_events left join fridge.meter_event_adjustments as cancellations"
            " using (identifier) where hour between %(first)s and %(last)s"
            " and (meter_events.status in ('sent', 'unknown') or cancellations.status in ('sent', 'unknown'))"
        )
        return bool(rows)

    def close_refusals(self) -> None:
        """A person has removed the causes of all refusals and says so."""
        with self.pipeline.database.connect() as connection:
            connection.execute(
                "update fridge.exceptions set closed_at = %(now)s where kind = 'refused' and closed_at is null"
                " and hour between %(first)s and %(last)s",
                {"now": self.clock(), **self._span()},
            )

    def withdrawable(self) -> list[str]:
        """Paths of files that stored readings and are not withdrawn."""
        rows = self._rows(
            "select path from fridge.landing_files where landing_hour between %(first)s and %(last)s"
            " and inserted_count > 0 and file_id not in (select file_id from fridge.withdrawals) order by file_id"
        )
        return [path for (path,) in rows]

    def withdraw(self, path: str) -> None:
        """Takes a file out of usage."""
        zone = LocalLanding(str(self.pipeline.landing))
        withdraw_file(self.pipeline.database, zone, path, "broken sensor", "simulation", self.clock)

    def _span(self) -> dict[str, datetime]:
        return {"first": self.span.first.start, "last": self.span.last.start}

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.look(query, self._span())
