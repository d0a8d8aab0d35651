"""Two billed days of three tenants, and what finance reads of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import sql

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from tests.pipeline import Pipeline, Row, readings

READINGS, SENSORS = "temperature_readings", "active_sensors"

#: Sensors of each tenant, and the readings that each of them has in an hour.
TENANTS = {"albany": (1, 4), "cohoes": (2, 5), "troy": (3, 5)}

PARTITIONS = "select relname from pg_inherits join pg_class on inhrelid = pg_class.oid where inhparent = %s::regclass"

#: When the hours were billed, before now; summaries of Stripe have settled since.
BILLED_AGO = timedelta(hours=8)


@dataclass
class FinanceBooks:
    """Four hours: at 05:00 and 06:00 UTC two days ago, and at the same times a day later."""

    pipeline: Pipeline
    now: datetime

    @property
    def first(self) -> Hour:
        """The first of the four."""
        return Hour((self.now - timedelta(days=2)).replace(hour=5, minute=0, second=0))

    @property
    def hours(self) -> tuple[Hour, Hour, Hour, Hour]:
        """The four."""
        return self.first, self.first.plus(1), self.first.plus(24), self.first.plus(25)

    def land(self) -> None:
        """Delivers what every tenant used in the four hours."""
        for hour in self.hours:
            rows = [row for tenant, used in TENANTS.items() for row in readings(tenant, hour, *used)]
            self.pipeline.land(hour, "a.csv", rows)

    def bill(self) -> None:
        """Runs the chain of the four hours, eight hours ago."""
        self.pipeline.clock.now = self.now - BILLED_AGO
        for first in (self.hours[0], self.hours[2]):
            self.pipeline.run(first, first.plus(1))

    def land_and_bill(self) -> None:
        """Both."""
        self.land()
        self.bill()

    def look(self) -> None:
        """Now: Stripe's summaries of both days are read, and the SQL models are run."""
        self.pipeline.clock.now = max(self.now, self.pipeline.clock.now)
        self.reconcile()
        self.run_models()

    def reconcile(self) -> None:
        """Reads Stripe's summaries of both days."""
        line = self.pipeline
        days = DayRange(day_of(self.hours[0]), day_of(self.hours[3]))
        line.reconcile(days)

    def run_models(self) -> None:
        """Runs the SQL models from the first of the four hours to the last."""
        self.pipeline.run_models(self.hours[0], self.hours[3])

    def fault(self, tenant: str, **fault: str) -> None:
        """A fault of Stripe for the next event of a tenant's readings."""
        customer = self.pipeline.customers[tenant]
        self.pipeline.sandbox.faults({"customer": customer, "event_name": READINGS, **fault})

    def deliver_late(self, hour: Hour, rows: list[Row]) -> None:
        """One more file of an hour, a minute later."""
        self.pipeline.clock.advance(minutes=1)
        self.pipeline.land(hour, "late.csv", rows)
        self.pipeline.run(hour)

    def behind_the_program(self, statement: str, table: str, *parameters: object) -> int:
        """What only the owner of the schema can do, and not by accident: change what is append only; rows changed."""
        names = [table, *(name for (name,) in self.pipeline.rows(PARTITIONS, f"fridge.{table}"))]
        tables = sql.SQL(", ").join(sql.Identifier("fridge", name) for name in names)
        with self.pipeline.database.owned.connect() as connection, connection.transaction():
            trigger = sql.SQL("alter table {} {} trigger user")
            connection.execute(sql.SQL("grant update, delete on {} to current_user").format(tables))
            connection.execute(trigger.format(sql.Identifier("fridge", table), sql.SQL("disable")))
            changed = connection.execute(statement.encode(), parameters).rowcount
            connection.execute(trigger.format(sql.Identifier("fridge", table), sql.SQL("enable")))
            connection.execute(sql.SQL("revoke update, delete on {} from current_user").format(tables))
        return changed

    def untied(self) -> list[tuple[Any, ...]]:
        """(tenant, meter, hour key, status, cause, amount) of every row of the tie-out that is not tied."""
        found = self.pipeline.rows(
            "select tenant_id, meter, hour, status, cause, amount from fridge.tie_out where status <> 'tied'"
            " order by hour, tenant_id, meter"
        )
        return [(tenant, meter, Hour(hour).key, *rest) for tenant, meter, hour, *rest in found]

    def differences(self) -> list[tuple[Any, ...]]:
        """(tenant, meter, step, expected, found, amount, cause, is_explained), in order of hour and path."""
        return self.pipeline.rows(
            "select tenant_id, meter, step, expected, found, amount, cause, is_explained"
            " from fridge.tie_out_differences"
            " order by hour, tenant_id, meter, array_position(array['files', 'usage', 'ledger', 'stripe'], step)"
        )

    def statuses(self) -> dict[str, int]:
        """How many rows of the tie-out have which status."""
        return dict(self.pipeline.rows("select status, count(*)::int from fridge.tie_out group by status"))

    def exceptions(self) -> list[tuple[Any, ...]]:
        """(kind, tenant, subject) of what is open."""
        return self.pipeline.rows(
            "select kind, tenant_id, subject from fridge.exceptions_open order by kind, tenant_id, subject"
        )

    def restatements(self) -> list[tuple[Any, ...]]:
        """(tenant, meter, revision, before, after, change, reason, who caused it, status)."""
        return self.pipeline.rows(
            "select tenant_id, meter, revision, quantity_before::int, quantity_after::int, change::int, reason,"
            " caused_by, status from fridge.restatements order by tenant_id, meter, hour, revision"
        )


def more_readings(tenant: str, hour: Hour, number: int) -> list[Row]:
    """Readings of a tenant's first sensor that the first file of the hour does not have."""
    return [(tenant, "s0", hour.start + timedelta(seconds=1 + second), 4.5) for second in range(number)]
