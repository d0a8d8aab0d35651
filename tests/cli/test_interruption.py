"""Ctrl-C, from outside: real processes, real signals. What is left is named, nothing is lost, nothing is said twice."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run, start_forked
from tests.live.running_fridge import FRIDGE, environment_for, wait_until
from tests.pipeline import Pipeline, readings

#: A person waits two seconds; the rest is for a machine that is busy with other tests.
SECONDS_TO_END_MAX = 4.0

#: What nobody wants to read who has pressed Ctrl-C.
UNWANTED = ("Traceback", "dagster", "Dagster", "Error", "no landing files")

WAITING = "select 1 from pg_locks where not granted and relation = %s::regclass"
WAITS_HERE = """
    select 1 from pg_locks join pg_database on pg_locks.database = pg_database.oid
    where not granted and datname = current_database()
"""
SENT = "select 1 from fridge.meter_events where status = 'sent'"


class Started:
    """A ``fridge`` command of its own process, on the test's installation."""

    def __init__(self, pipeline: Pipeline, folder: Path, arguments: Sequence[str]) -> None:
        self._said = folder / "said by fridge"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "COLUMNS": "200",
            "FRIDGE_HOME": str(folder / "home of fridge"),
            "FRIDGE_DATABASE_URL": pipeline.database.dsn,
            "FRIDGE_LANDING_URI": str(pipeline.landing),
            "STRIPE_API_BASE": pipeline.sandbox.url,
            "STRIPE_API_KEY": "sk_test_sandbox",
        }
        self.process = start_forked(arguments, environment, folder, self._said, self._said)

    def end(self, *how: signal.Signals) -> tuple[int, str]:
        """Its exit code and all it said, after these signals; fails when it takes its time, or says too much."""
        begun = time.monotonic()
        assert self.process.pid is not None
        for each in how:
            with suppress(ProcessLookupError):  # the first signal may have ended it
                os.kill(self.process.pid, each)
            time.sleep(0.2)
        self.process.join(60)
        said = self._said.read_text(encoding="utf-8")
        assert self.process.exitcode is not None, said
        assert time.monotonic() - begun < SECONDS_TO_END_MAX, said
        assert [word for word in UNWANTED if word in said] == [], said
        return self.process.exitcode, said


@contextmanager
def started(pipeline: Pipeline, folder: Path, *arguments: str) -> Iterator[Started]:
    command = Started(pipeline, folder, arguments)
    try:
        yield command
    finally:
        command.process.kill()


@contextmanager
def locked(pipeline: Pipeline, table: str) -> Iterator[psycopg.Connection]:
    """A table that nobody else writes to."""
    with pipeline.database.owned.connect() as connection, connection.transaction():
        connection.execute(f"lock table {table} in share mode")
        yield connection


def await_waiting(connection: psycopg.Connection, table: str) -> None:
    wait_until(f"somebody waits for {table}", lambda: connection.execute(WAITING, [table]).fetchone())


def two_hours(pipeline: Pipeline, first: Hour) -> tuple[str, ...]:
    """Two busy hours so far apart that each has a run of its own, and the command that bills them."""
    pipeline.add_tenant("cohoes")
    for hour in (first, first.plus(12)):
        pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    return "bill", "--from", first.key, "--to", first.plus(12).key


def bill_the_rest(run: Run, pipeline: Pipeline, command: Sequence[str], first: Hour) -> None:
    """The same command goes on, and Stripe has every hour once; what it is slow to answer it takes no second time."""
    wait_until("the same command has gone on to its end", lambda: run(*command).returncode == 0)
    totals = pipeline.stripe_totals("cohoes")
    assert totals == {
        (meter, hour.key): value
        for hour in (first, first.plus(12))
        for meter, value in (("temperature_readings", 10), ("active_sensors", 2))
    }


@pytest.mark.parametrize(
    "table",
    [
        pytest.param("fridge.landing_files", marks=pytest.mark.prove, id="load"),
        pytest.param("fridge.counted_hours", marks=pytest.mark.prove, id="count"),
        pytest.param("fridge.meter_event_adjustments", id="stage"),
    ],
)
def test_ctrl_c_while_loading_counting_and_staging_names_what_is_left_and_the_command_to_go_on(
    run: Run, pipeline: Pipeline, two_days_ago: datetime, tmp_path: Path, table: str
) -> None:
    first = Hour(two_days_ago).plus(-12)
    command = two_hours(pipeline, first)
    pipeline.run(first)
    with started(pipeline, tmp_path, *command) as fridge, locked(pipeline, table) as connection:
        await_waiting(connection, table)
        code, said = fridge.end(signal.SIGINT)
    assert code == 130
    assert "interrupted: 1 of 2 hours are billed or are among the exceptions, 1 are left." in said
    assert f"to go on: fridge bill --from {first.plus(12)} --to {first.plus(12)}" in said
    bill_the_rest(run, pipeline, command, first)


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param((signal.SIGINT,), marks=pytest.mark.prove),
        pytest.param((signal.SIGTERM,), marks=pytest.mark.prove),
        (signal.SIGINT, signal.SIGINT),
    ],
)
def test_a_signal_while_stripe_is_slow_to_answer_ends_in_time_and_the_next_run_states_nothing_twice(
    run: Run, pipeline: Pipeline, two_days_ago: datetime, tmp_path: Path, signals: tuple[signal.Signals, ...]
) -> None:
    first = Hour(two_days_ago).plus(-12)
    command = two_hours(pipeline, first)
    pipeline.sandbox.faults({"kind": "slow", "seconds": 8, "nth": 3, "times": 2})
    with started(pipeline, tmp_path, *command) as fridge:
        wait_until("the second hour is under way", lambda: pipeline.rows(SENT + " and hour = %s", first.plus(12).start))
        code, said = fridge.end(*signals)
    assert code == 128 + signals[0]
    assert "interrupted: 1 of 2 hours are billed or are among the exceptions, 1 are left." in said
    assert f"to go on: fridge bill --from {first.plus(12)} --to {first.plus(12)}" in said
    assert said.count("interrupted") == 1
    bill_the_rest(run, pipeline, command, first)
    assert pipeline.one("select max(revision) from fridge.meter_events") == 1


def test_where_the_books_do_not_answer_bill_ends_all_the_same_and_says_how_to_go_on(
    pipeline: Pipeline, two_days_ago: datetime, tmp_path: Path
) -> None:
    command = two_hours(pipeline, Hour(two_days_ago).plus(-12))
    with started(pipeline, tmp_path, *command) as fridge, locked(pipeline, "fridge.landing_hours") as connection:
        connection.execute("lock table fridge.landing_hours in access exclusive mode")
        await_waiting(connection, "fridge.landing_hours")
        code, said = fridge.end(signal.SIGINT)
    assert code == 130
    assert f"nothing is lost; to go on: fridge {' '.join(command)}" in said


@pytest.mark.parametrize(
    ("command", "how"),
    [
        (("report", "{month}", "--out", "out"), signal.SIGINT),
        pytest.param(("evidence", "{month}", "--out", "pack.zip"), signal.SIGINT, marks=pytest.mark.prove),
        pytest.param(("backtest", "--from", "{hour}", "--to", "{hour}"), signal.SIGINT, marks=pytest.mark.prove),
        (("explain", "cohoes", "{hour}"), signal.SIGTERM),
        pytest.param(("sql", "test"), signal.SIGTERM, marks=pytest.mark.prove),
    ],
    ids=lambda given: given[0] if isinstance(given, tuple) else given.name,
)
def test_other_commands_end_with_a_word_and_the_code_of_the_signal(
    pipeline: Pipeline, two_days_ago: datetime, tmp_path: Path, command: tuple[str, ...], how: signal.Signals
) -> None:
    hour = Hour(two_days_ago)
    words = [each.format(month=f"{hour.start:%Y-%m}", hour=hour.key) for each in command]
    with locked(pipeline, "fridge.exceptions") as connection, started(pipeline, tmp_path, *words) as fridge:
        for table in ("fridge.exceptions", "fridge.landing_files", "fridge.meter_events"):
            connection.execute(f"lock table {table} in access exclusive mode")
        wait_until("it waits", lambda: connection.execute(WAITS_HERE).fetchone())
        code, said = fridge.end(how)
    assert (code, said.strip()) == (128 + how, "interrupted")


def test_ctrl_c_while_the_program_is_still_being_imported_shows_no_traceback(tmp_path: Path) -> None:
    with subprocess.Popen([FRIDGE, "doctor"], env=environment_for(tmp_path), stderr=subprocess.PIPE) as fridge:
        time.sleep(0.8)
        fridge.send_signal(signal.SIGINT)
        _, said = fridge.communicate(timeout=60)
    assert (fridge.returncode, said) == (130, b"interrupted\n")
