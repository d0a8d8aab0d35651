"""Keep: the figures of SQL models that are kept by the hour or day, made anew where the books have changed since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import psycopg
from psycopg import sql

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.models import Materialized, SqlModel
from fridge_pipeline.database.queries import statement, statement_on

#: Hours of tenants that are made anew in one transaction, and at least a day of all. For few tenants the statements
#: take longer to plan than to run: a month of theirs is one batch.
TENANT_HOURS_AT_A_TIME = 24_000

#: Hours that the run of an hour makes anew at most, the newest first: the night does what is left.
HOURS_OF_A_RUN = 7 * 24


def keep_figures(database: Database, models: Iterable[SqlModel], hours_max: int | None = None) -> int:
    """Makes kept figures of hours that have changed anew, in all models at once; returns how many hours that were.

    Until then nobody shows them (``hours_not_kept``). One process works at a time: another leaves it to that one.
    """
    own = [model for model in models if model.materialized is Materialized.KEPT]
    done, before = 0, None
    with database.connect() as connection:
        connection.execute(statement("prefer_block_ranges"))
        row = connection.execute(statement("lock_kept_figures")).fetchone()
        if not (own and row and row[0]):
            return 0
        # What a change committed after this snapshot has noted stays noted.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        (tenants,) = connection.execute(statement("count_tenants")).fetchall()[0]
        at_a_time = max(24, TENANT_HOURS_AT_A_TIME // max(tenants, 1))
        while hours_max is None or done < hours_max:
            hours = _keep(connection, own, before, min(at_a_time, hours_max - done) if hours_max else at_a_time)
            if not hours:
                break
            done, before = done + len(hours), hours[-1]
    return done


def _keep(
    connection: psycopg.Connection, models: Sequence[SqlModel], before: datetime | None, limit: int
) -> list[datetime]:
    """One batch, from the newest hour before another one on."""
    with connection.transaction():
        found = connection.execute(statement("hours_not_kept"), {"before": before, "limit": limit}).fetchall()
        hours: list[datetime] = [hour for (hour,) in found]
        if not hours:
            return []
        days: list[date] = sorted({hour.date() for hour in hours})
        for model in models:
            column, values = ("hour", hours) if "hour" in model.columns else ("usage_date", days)
            parts = {"column": sql.Identifier(column), "select": sql.SQL(model.text)}
            connection.execute(statement_on("empty_kept_figures", model.name, **parts), {"values": values})
            connection.execute(statement_on("fill_kept_figures", model.name, **parts), {"values": values})
        connection.execute(statement("forget_changed_hours"), {"hours": hours})
    return hours
