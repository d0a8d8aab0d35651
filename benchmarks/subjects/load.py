"""Load: from landing files to stored and counted readings, against four other ways to get rows into PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.bench import LANDING_HOUR, Bench, rows_per_second
from benchmarks.deliveries import deliver, make_ready
from benchmarks.measuring.contest import Turn
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from tests.world import PREPARED

OURS = "benchmarks.candidates.load_ours:load"
BARE_COPY = "benchmarks.candidates.load_rivals:bare_copy"
ROW_BY_ROW = "benchmarks.candidates.load_rivals:row_by_row"
STAGING = "benchmarks.candidates.load_rivals:staging"
DLT = "benchmarks.candidates.load_dlt:merge"

#: It would otherwise call home, which takes time and is nobody's business.
DLT_ENVIRONMENT = {"RUNTIME__DLTHUB_TELEMETRY": "false"}

FORMATS = ("parquet", "ndjson.gz", "csv")
LATE_DAYS = 30

LOAD_STEP = "the load step: read, check, deduplicate, store, count"
STAGING_WORDS = "COPY into a temporary table, then a sorted insert with on conflict do nothing"


def rows(bench: Bench) -> Iterator[Row]:
    """New readings in three formats against four rivals; then duplicates, then late readings."""
    yield from _new_readings(bench)
    for percent in (5, 50, 100):
        yield _duplicates(bench, percent)
    bench.world.drop("an hour stored")
    yield _late(bench)
    bench.world.drop("a month stored")


def _new_readings(bench: Bench) -> Iterator[Row]:
    sizes, folder = bench.sizes, bench.folder("load")
    for form in FORMATS:
        deliver(folder / form, LANDING_HOUR, f"gateway.{form}", bench.hour_of_readings(sizes.load_rows))
    ready = {
        number: make_ready(folder / f"{number}.arrow", bench.hour_of_readings(number))
        for number in {sizes.load_rows, sizes.row_by_row_rows, sizes.dlt_rows}
    }
    turns: dict[str, Turn] = {
        f"ours, {form}": partial(ours_in_turn, bench, folder / form, sizes.load_rows) for form in FORMATS
    }
    turns["bare COPY"] = lambda _: rival(bench, BARE_COPY, ready[sizes.load_rows])
    turns["staging"] = lambda _: rival(bench, STAGING, ready[sizes.load_rows])
    turns["row by row"] = lambda _: rival(bench, ROW_BY_ROW, ready[sizes.row_by_row_rows])
    turns["dlt"] = lambda _: _dlt(bench, ready[sizes.dlt_rows])
    samples = bench.contest(turns)
    copy = Side.of(
        "a bare sorted binary COPY of the same rows into the same table, rows ready-made in memory",
        samples["bare COPY"],
        rows_per_second,
    )
    for form in FORMATS:
        target = Target(at_least=0.8) if form == "parquet" else None
        yield _row(_new(sizes.load_rows, form), samples[f"ours, {form}"], copy, target)
    others = {
        "row by row": (f"psycopg executemany with on conflict do nothing ({sizes.row_by_row_rows:,} rows)", 8),
        "dlt": (f"dlt's merge (upsert) of an Arrow table ({sizes.dlt_rows:,} rows)", 4),
        "staging": (STAGING_WORDS, 2),
    }
    for name, (words, bound) in others.items():
        side = Side.of(f"{words}, rows ready-made in memory", samples[name], rows_per_second)
        yield _row(_new(sizes.load_rows, "parquet"), samples["ours, parquet"], side, Target(at_least=bound))


def _new(number: int, form: str) -> str:
    return f"{number:,} new readings, one {form} file"


def _duplicates(bench: Bench, percent: int) -> Row:
    """A file of which some readings are stored already, and the others belong to the next hour."""
    number = bench.sizes.load_rows
    folder, known = bench.folder("duplicates"), number * percent // 100
    stored = _stored(bench, "an hour stored", bench.hour_of_readings(number))
    frames = [
        pl.concat(bench.hour_of_readings(number)).head(known),
        pl.concat(bench.hour_of_readings(number, LANDING_HOUR.plus(1))).head(number - known),
    ]
    what = f"{number:,} readings, {percent} % of them stored already, one parquet file"
    return _against_staging(bench, folder / f"{percent}", what, frames, stored, number - known)


def _late(bench: Bench) -> Row:
    number = bench.sizes.load_rows
    stored = _stored(bench, "a month stored", bench.days_of_readings(number, LATE_DAYS))
    late = list(bench.days_of_readings(number, LATE_DAYS, lot=1))
    what = f"{number:,} late readings spread over {LATE_DAYS} days that hold as many already, one parquet file"
    return _against_staging(bench, bench.folder("late"), what, late, stored, number)


def _against_staging(
    bench: Bench, folder: Path, what: str, frames: list[pl.DataFrame], stored: str, inserted: int
) -> Row:
    deliver(folder / "landing", LANDING_HOUR.plus(1), "gateway.parquet", frames)
    ready = make_ready(folder / "rows.arrow", frames)
    samples = bench.contest(
        {
            "ours": lambda _: ours(bench, folder / "landing", inserted, stored),
            "staging": lambda _: rival(bench, STAGING, ready, stored),
        }
    )
    staging = Side.of(
        f"{STAGING_WORDS}, rows ready-made in memory",
        samples["staging"],
        rows_per_second,
    )
    return _row(what, samples["ours"], staging, Target(at_least=2))


def _stored(bench: Bench, name: str, frames: Iterable[pl.DataFrame]) -> str:
    """A template whose tables, ours and the rivals', hold these readings."""
    folder = bench.folder(name.replace(" ", "_"))

    def fill(dsn: str) -> None:
        kept = list(frames)
        deliver(folder / "landing", LANDING_HOUR, "first.parquet", kept)
        hour = LANDING_HOUR.key
        bench.run(OURS, dsn=dsn, landing=str(folder / "landing"), first=hour, last=hour)
        bench.run(STAGING, dsn=dsn, ready=str(make_ready(folder / "rows.arrow", kept)))

    return bench.template(name, fill)


def ours(bench: Bench, landing: Path, inserted: int, template: str = PREPARED) -> Sample:
    """The load step over the landing hour and the one after it, in a fresh database."""
    with bench.world.database(template) as dsn:
        return bench.run(
            OURS,
            dsn=dsn,
            landing=str(landing),
            first=LANDING_HOUR.key,
            last=LANDING_HOUR.plus(1).key,
            inserted=inserted,
        )


def ours_in_turn(bench: Bench, landing: Path, inserted: int, _turn: int) -> Sample:
    """The same, in an empty one."""
    return ours(bench, landing, inserted)


def rival(bench: Bench, act: str, ready: Path, template: str = PREPARED) -> Sample:
    """A rival with ready-made rows in a fresh database."""
    with bench.world.database(template) as dsn:
        return bench.run(act, dsn=dsn, ready=str(ready))


def _dlt(bench: Bench, ready: Path) -> Sample:
    folder = bench.fresh_folder("dlt")
    with bench.world.database() as dsn:
        return bench.run(DLT, environment=DLT_ENVIRONMENT, dsn=dsn, ready=str(ready), folder=str(folder))


def _row(work: str, samples: list[Sample], rival_side: Side, target: Target | None) -> Row:
    return Row("load", work, "rows/s", Side.of(LOAD_STEP, samples, rows_per_second), rival_side, target)
