"""Ours: what people wait for at a month's end; and the least that any of it takes, its tie-out in one file."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from benchmarks.measuring.stopwatch import Stopwatch
from benchmarks.statements import statement
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.run import Run
from fridge_pipeline.finance.close_month import prepare_month
from fridge_pipeline.finance.make_evidence import make_evidence
from fridge_pipeline.finance.month_record import refresh_month
from fridge_pipeline.finance.report_month import report_month
from fridge_pipeline.finance.rules.month_summary import Verdict
from fridge_pipeline.finance.stamp_record import Maker
from fridge_pipeline.settings import MODELS_FOLDER

CLOSE_AFTER = timedelta(minutes=5)
PROGRAM = {"version": "bench", "commit": "0" * 40, "source_sha256": "0" * 64}


def _run(dsn: str, login: str = "", password: str = "") -> Run:
    database = Database(dsn)
    return Run(
        database.as_person(login, password) if login else database, CATALOGUE, lambda: datetime.now(UTC), "bench"
    )


def report(stopwatch: Stopwatch, *, dsn: str, month: str) -> int:
    """``fridge report``: the marts made anew, the page and the workbook."""
    run, maker = _run(dsn), Maker("bench", "", datetime.now(UTC), PROGRAM, {})
    with tempfile.TemporaryDirectory() as folder, stopwatch.running():
        refresh_month(run.database, MODELS_FOLDER, run.catalogue, Month.from_key(month), run.clock)
        made = report_month(run, Month.from_key(month), Path(folder), CLOSE_AFTER, Path(folder), maker)
    assert made.summary.verdict is Verdict.TIES_OUT, made.summary.verdict
    return made.summary.tenants


def evidence(stopwatch: Stopwatch, *, dsn: str, month: str) -> int:
    """``fridge evidence``: the marts made anew, the pack, verified."""
    run, maker = _run(dsn), Maker("bench", "", datetime.now(UTC), PROGRAM, {})
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pack.zip"
        with stopwatch.running():
            refresh_month(run.database, MODELS_FOLDER, run.catalogue, Month.from_key(month), run.clock)
            made = make_evidence(run.database, Month.from_key(month), target, MODELS_FOLDER, maker, Path(folder))
    return made.rows


def close(stopwatch: Stopwatch, *, dsn: str, month: str, login: str, password: str) -> int:
    """``fridge close`` without its reading of Stripe: the marts made anew, looked at, signed."""
    run = _run(dsn, login, password)
    with stopwatch.running():
        totals = prepare_month(run, Month.from_key(month), "", MODELS_FOLDER, CLOSE_AFTER)
    return int(totals["files"]["row_count"])


def tie_out(stopwatch: Stopwatch, *, dsn: str, month: str) -> int:
    """The month's tie-out, as PostgreSQL copies it into a file."""
    span = Month.from_key(month)
    asked = {"start": span.start, "end": span.end}
    with tempfile.TemporaryFile() as out, psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        with stopwatch.running(), connection.cursor() as cursor, cursor.copy(statement("copy_tie_out"), asked) as copy:
            for piece in copy:
                out.write(piece)
        return cursor.rowcount
