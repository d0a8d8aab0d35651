"""Fill: the SQL models that are tables, increments or kept. A view needs none: it is always as the books are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime

import psycopg
from psycopg import sql

from fridge_pipeline.calendar.hours import Hour, HourRange, split_at
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.models import SCHEMA, Materialized, SqlModel
from fridge_pipeline.database.queries import meters_of, span_of, statement, statement_on, value_of
from fridge_pipeline.database.retention import first_open_hour, readings_kept

#: Hours that are made anew in one transaction: a day, so that a month of any size holds nothing up for long.
HOURS_AT_A_TIME = 24

#: Hours of tenants of which figures are made anew in one transaction, and at least a day of all. For few tenants the
#: statements take longer to plan than to run: a month of theirs is one batch.
TENANT_HOURS_AT_A_TIME = 24_000

#: What most is made of that is kept: it is made once for all of that, as to plan it takes longer than to make an hour.
HELD = "tie_out"

#: What reads it has rows of months that are signed, and of no others.
SIGNED_MONTHS = "stg_signed_months"

#: Hours that the run of an hour makes anew at most, the newest first: the night does what is left.
HOURS_OF_A_RUN = 7 * HOURS_AT_A_TIME


def fill_tables(database: Database, models: Iterable[SqlModel], catalogue: Sequence[Meter]) -> dict[str, int]:
    """Makes the rows of those models that are tables anew; returns their number. Readers see the old ones meanwhile."""
    filled = {}
    with database.connect() as connection:
        _keep_meters(connection, catalogue)
        for model in models:
            if model.materialized is Materialized.TABLE:
                with connection.transaction():
                    connection.execute(statement_on("empty_model", model.name))
                    filled[model.name] = connection.execute(
                        statement_on("fill_model", model.name, select=sql.SQL(model.text))
                    ).rowcount
    return filled


def fill_hours(
    database: Database,
    models: Iterable[SqlModel],
    hours: HourRange,
    catalogue: Sequence[Meter],
    clock: Callable[[], datetime],
    *,
    only_changed: bool = False,
) -> dict[str, dict[Hour, int]]:
    """Makes the rows of some hours anew in those models that are increments, a day at a time.

    With ``only_changed`` days of which all rows are what they would be stay, and so does all that is kept of their
    hours; where that is all days, nothing is returned.
    Hours of which readings were dropped keep the rows that they have: they could not be made again. No month is dropped
    meanwhile. Returns how many rows there are of each hour that has any.
    """
    increments = [model for model in models if model.materialized is Materialized.INCREMENT]
    filled: dict[str, dict[Hour, int]] = {model.name: {} for model in increments}
    with database.connect() as connection:
        _keep_meters(connection, catalogue)
        connection.execute(statement("prefer_block_ranges"))
        changed = _changed_hours(connection, increments, hours) if only_changed else {*hours.hours()}
        for start in range(0, hours.count, HOURS_AT_A_TIME):
            first = hours.first.plus(start)
            day = HourRange(first, min(first.plus(HOURS_AT_A_TIME - 1), hours.last))
            if not changed.isdisjoint(day.hours()):
                _fill_day(connection, increments, day, clock())
        for model in increments if changed else ():
            rows = connection.execute(statement_on("count_model_hours", model.name), span_of(hours)).fetchall()
            filled[model.name] = {Hour(hour): int(count) for hour, count in rows}
    return filled


def _fill_day(connection: psycopg.Connection, models: Sequence[SqlModel], day: HourRange, now: datetime) -> None:
    with _with_readings(connection, day) as span:
        if span is None:
            return
        for model in models:
            connection.execute(statement_on("empty_model_hours", model.name), span)
            connection.execute(statement_on("fill_model_hours", model.name, select=sql.SQL(model.text)), span)
        names = [model.name for model in models]
        connection.execute(statement("record_model_hours"), {**span, "names": names, "now": now})


def _changed_hours(connection: psycopg.Connection, models: Iterable[SqlModel], hours: HourRange) -> set[Hour]:
    """Those whose rows in any model are others now.

    All at once, not day by day: whoever compares a day may read the month that has its readings.
    """
    found: set[Hour] = set()
    with _with_readings(connection, hours) as span:
        if span is None:
            return found
        for model in models:
            compared = statement_on("hours_that_differ", model.name, select=sql.SQL(model.text))
            found |= {Hour(hour) for (hour,) in connection.execute(compared, {**span, "model": model.name})}
    return found


@contextmanager
def _with_readings(connection: psycopg.Connection, hours: HourRange) -> Iterator[Mapping[str, datetime] | None]:
    """In a transaction, those of the hours of which no reading was dropped; ``None`` if that is none of them."""
    with readings_kept(connection) as oldest:
        open_hours = split_at(hours, first_open_hour(oldest))[1] if oldest else hours
        with connection.transaction():
            connection.execute(statement("summarize_block_ranges"))
            yield span_of(open_hours) if open_hours is not None else None


def count_rows(database: Database, models: Iterable[SqlModel]) -> dict[str, int]:
    """How many rows each of these models has now."""
    with database.connect() as connection:
        return {
            model.name: int(count)
            for model in models
            for (count,) in connection.execute(statement_on("count_model_rows", model.name)).fetchall()
        }


def _keep_meters(connection: psycopg.Connection, catalogue: Sequence[Meter]) -> None:
    """Copies the catalogue for the models, which cannot read the settings."""
    connection.execute(
        statement("keep_meters"),
        {
            **meters_of(catalogue),
            "formulas": [meter.formula.value for meter in catalogue],
            "windows": [meter.window.value for meter in catalogue],
        },
    )


def keep_figures(database: Database, models: Iterable[SqlModel], hours_max: int | None = None) -> int:
    """Makes kept figures of hours that have changed anew, in all models at once; returns how many hours that were.

    Until then nobody shows them (``hours_not_kept``). One process works at a time: another leaves it to that one.
    """
    known = {model.name: model for model in models}
    done, before = 0, None
    with database.connect() as connection:
        connection.execute(statement("prefer_block_ranges"))
        if not (known and value_of(connection, "lock_kept_figures")):
            return 0
        # What a change committed after this snapshot has noted stays noted.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        tenants = value_of(connection, "count_tenants")
        at_a_time = max(HOURS_AT_A_TIME, TENANT_HOURS_AT_A_TIME // max(tenants, 1))
        while hours_max is None or done < hours_max:
            hours = _keep(connection, known, before, min(at_a_time, hours_max - done) if hours_max else at_a_time)
            if not hours:
                break
            done, before = done + len(hours), hours[-1]
    return done


def _keep(
    connection: psycopg.Connection, models: Mapping[str, SqlModel], before: datetime | None, limit: int
) -> list[datetime]:
    """One batch, from the newest hour before another one on."""
    with connection.transaction():
        found = connection.execute(statement("hours_not_kept"), {"before": before, "limit": limit}).fetchall()
        hours: list[datetime] = [hour for hour, _ in found]
        if not hours:
            return []
        any_signed = any(is_signed for _, is_signed in found)
        days: list[date] = sorted({hour.date() for hour in hours})
        views = {name: model.text for name, model in models.items() if model.materialized is Materialized.VIEW}
        of_held: list[sql.Composable] = []
        for model in models.values():
            if model.materialized is not Materialized.KEPT:
                continue
            column, values = ("hour", hours) if "hour" in model.columns else ("usage_date", days)
            named = sql.Identifier(column)
            connection.execute(statement_on("empty_kept_figures", model.name, column=named), {"values": values})
            if SIGNED_MONTHS in model.reads and not any_signed:
                continue
            text = _of_held(model.text, views) if column == "hour" else model.text
            fill = statement_on("fill_kept_figures", model.name, column=named, select=sql.SQL(text))
            if text == model.text:
                connection.execute(fill, {"values": values})
            else:
                of_held.append(sql.SQL("{} as ({})").format(sql.Identifier(f"of_{model.name}"), fill))
        if of_held:
            together = statement_on("fill_kept_of_held", HELD, fills=sql.SQL(", ").join(of_held))
            connection.execute(together, {"values": hours})
        connection.execute(statement("forget_changed_hours"), {"hours": hours})
    return hours


def _of_held(text: str, views: Mapping[str, str]) -> str:
    """The same select, made of ``held`` instead of ``HELD``; views that are made of it stand in it in full."""

    def instead(match: re.Match[str]) -> str:
        name, alias = match[1], match[2] or f" as {match[1]}"
        if name == HELD:
            return f"held{alias}"
        inside = _of_held(views.get(name, ""), views)
        return match[0] if inside == views.get(name, "") else f"({inside}){alias}"

    return re.sub(rf"\b{SCHEMA}\.(\w+)(\s+as\b)?", instead, text)
