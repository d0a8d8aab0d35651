"""Backtest: what the code at hand makes of the stored readings, compared with the books. Nothing is written.

Hours whose readings were dropped cannot be counted again; they are named, and never compared as if they were zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
import psycopg

from fridge_pipeline.calendar.hours import HOURS_PER_RUN_MAX, HourRange, split_at
from fridge_pipeline.catalogue.measure_record import declared_in_force
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database, one_snapshot
from fridge_pipeline.database.retention import first_open_hour, readings_kept
from fridge_pipeline.usage.count import UsageReader, files_of_hours, portions, stated_of_hours, usage_of_hours
from fridge_pipeline.usage.rules.comparing import Difference, differences, differing, side_by_side


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a range of hours comes to now, and where the books say otherwise."""

    recomputed: HourRange | None
    not_recomputable: HourRange | None
    not_recomputable_tenant_hours: int
    compared: int
    never_stated: int
    other_meters: tuple[str, ...]
    differences: list[Difference]


def backtest(database: Database, hours: HourRange, catalogue: tuple[Meter, ...]) -> Backtest:
    """Recomputes the usage of a range of hours and compares it with usage and the accepted statements.

    Reads the books in one snapshot, over connections that cannot write. Readings of a file never change, so what is
    loaded meanwhile changes nothing.
    """
    reading = database.read_only()
    compared, never_stated, differ, others = 0, 0, [], set[str]()
    with (
        reading.connect() as books,
        UsageReader(reading, declared_in_force(books)) as reader,
        readings_kept(books) as kept_from,
        one_snapshot(books),
    ):
        dropped, kept = split_at(hours, first_open_hour(kept_from)) if kept_from else (None, hours)
        lost = 0 if dropped is None else usage_of_hours(books, dropped).n_unique(("hour", "tenant_id"))
        for portion, files in _portions(books, kept):
            stated = stated_of_hours(books, portion)
            rows = side_by_side(reader.usage_of(files), usage_of_hours(books, portion), stated, catalogue)
            compared += rows.height
            never_stated += rows["stated"].null_count()
            others |= set(stated["meter"]) - {meter.event_name for meter in catalogue}
            differ.append(differing(rows))
    return Backtest(
        recomputed=kept,
        not_recomputable=dropped,
        not_recomputable_tenant_hours=lost,
        compared=compared,
        never_stated=never_stated,
        other_meters=tuple(sorted(others)),
        differences=differences(pl.concat(differ)) if differ else [],
    )


def _portions(books: psycopg.Connection, hours: HourRange | None) -> Iterator[tuple[HourRange, pl.DataFrame]]:
    """Few enough hours and readings at a time that they fit into memory, whatever the range."""
    while hours is not None:
        week, hours = split_at(hours, hours.first.plus(HOURS_PER_RUN_MAX))
        if week is not None:
            yield from portions(week, files_of_hours(books, week))
