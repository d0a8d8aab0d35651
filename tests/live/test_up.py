"""A running installation: what it shows, what it does by itself, and that whatever is killed comes back by itself."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from fridge_pipeline.database.embedded.logins import DAGSTER_DATABASE
from tests.browser import NoBrowserError, find_browser, open_page
from tests.live.deliveries import READINGS, TENANT, await_loaded, hour_ago, is_billed, key, land
from tests.live.engineer import CHAIN, Engineer
from tests.live.running_fridge import RunningFridge, describe, processes_of, run_fridge, wait_until
from tests.live.runs import (
    BACKFILL_ENDED,
    RUN_ENDED,
    backfill,
    backfills,
    cancel_backfill,
    hours_of_runs_since,
    last_skipped_tick,
    launch_backfill,
    launch_month,
    launch_run,
    materialized_ranges,
    run_status,
    runs_since,
)
from tests.live.usage import Usage, usage_at_stripe, usage_in_the_books

PICTURE_BYTES_MAX = 300_000

#: A run opens 50 of them, and without keeping any 370. Ticks of sensors, which are no part of it, open some as well.
SESSIONS_OF_A_RUN_MAX = 200

#: Processes by what stands on their command line: which know nothing of runs, and which work on them.
KNOWS_NO_SECRET = (
    *("bin/postgres", "-m stripe_sandbox", "cli.console"),
    *("guarded_webserver", "prompt_daemon run", "fridge metrics"),
)
WORKS = ("warm_code_server",)

WAITING_LOADS = "select 1 from pg_locks where not granted and relation = 'fridge.landing_files'::regclass"

AUTOMATION = """{
    repositoriesOrError {
        ... on RepositoryConnection {
            nodes {sensors {name sensorState {status}} schedules {name scheduleState {status}}}
        }
    }
}"""


def test_when_the_port_is_in_use_another_is_taken_and_named(demo: RunningFridge, taken_port: int) -> None:
    taken = demo.url.rpartition(":")[2]
    assert taken != str(taken_port)
    assert f"port {taken_port} is in use; the UI takes {taken}" in demo.said()
    assert requests.get(f"{demo.url}/server_info", timeout=10).ok


def test_a_second_up_on_the_same_home_is_refused_with_a_clear_message_and_exit_code_1(demo: RunningFridge) -> None:
    refused = run_fridge(demo.home, "up")
    assert refused.returncode == 1
    assert f"fridge up already runs on {demo.home}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert requests.get(f"{demo.url}/server_info", timeout=10).ok


def test_only_where_runs_work_is_there_a_secret_and_everything_signs_in_to_the_books_without_the_owners_rights(
    demo: RunningFridge,
) -> None:
    """As the kernel shows each process's environment."""
    secrets: dict[str, set[str]] = {}
    for name in ("Console", "Metrics"):  # which begin when they are called
        found = re.search(rf"{name}\s+(http://\S+)", demo.said())
        assert found is not None
        assert requests.get(found[1], timeout=20).ok
    for words in (*KNOWS_NO_SECRET, *WORKS):
        for process in (psutil.Process(pid) for pid in pids_with(demo, words)):
            environment = process.environ()
            held = {name for name in ("AWS_SECRET_ACCESS_KEY", "FRIDGE_DATABASE_URL") if environment.get(name)}
            secrets.setdefault(words, set()).update(held)
            login = urlsplit(environment.get("FRIDGE_DATABASE_URL", "")).username
            assert login in {None, "fridge_app"}, words
    of_dagster = {"FRIDGE_DATABASE_URL"}
    assert secrets == {
        "bin/postgres": set(),
        "-m stripe_sandbox": set(),
        "cli.console": set(),
        "guarded_webserver": of_dagster,
        "prompt_daemon run": of_dagster,
        "fridge metrics": of_dagster,
        "warm_code_server": of_dagster | {"AWS_SECRET_ACCESS_KEY"},
    }
    # The test itself asks as the owner, by one connection.
    assert demo.rows("select count(*) from pg_stat_activity where usename = 'fridge'") == [(1,)]


def test_the_demo_has_compared_itself_with_stripe_by_runs_that_the_ui_shows_under_its_own_name(
    demo: RunningFridge,
) -> None:
    ended = {}
    for run in runs_since(demo, 0):
        tags = {tag["key"]: tag["value"] for tag in run["tags"]}
        if tags.get("fridge/launched_by", "").startswith("fridge demo, by "):
            ended[tags["fridge/does"]] = run["status"]
    assert ended == dict.fromkeys(("check", "reconcile", "read invoices"), "SUCCESS")
    assert demo.rows("select count(*) from fridge.stripe_reconciliation where cause = 'unexplained'") == [(0,)]


def test_prometheus_is_told_of_everything_that_runs(demo: RunningFridge) -> None:
    found = re.search(r"Metrics\s+(http://\S+)", demo.said())
    assert found is not None

    def told() -> dict[str, float]:
        lines = requests.get(found[1], timeout=20).text.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    wait_until("the sensor has ticked", lambda: 'fridge_tick_age_seconds{name="landing_sensor"}' in told())
    parts = {name: value for name, value in told().items() if name.startswith("fridge_part_was_read")}
    assert list(parts.values()) == [1] * 9
    assert told()['fridge_daemon_heartbeat_age_seconds{daemon="SENSOR"}'] < 180


def test_it_takes_no_more_processes_than_it_needs(demo: RunningFridge) -> None:
    """Each is memory that is held while nobody does anything; console and metrics begin when they are called."""
    groups: dict[int, list[str]] = {}
    for process in processes_of(demo.home):
        groups.setdefault(os.getpgid(process.pid), []).append(" ".join(process.cmdline()))
    leaders = [lines[0] for lines in groups.values() if "postgres" not in lines[0]]
    assert len(leaders) <= 7, leaders


def test_a_run_keeps_its_connections_to_what_dagster_keeps(demo: RunningFridge) -> None:
    """Each of its events opened two of them else."""

    def opened() -> int:
        return int(demo.rows("select sessions from pg_stat_database where datname = %s", DAGSTER_DATABASE)[0][0])

    before = opened()
    run_id = launch_run(demo, key(hour_ago(5)))
    wait_until("the run has ended", lambda: run_status(demo, run_id) in RUN_ENDED)
    assert run_status(demo, run_id) == "SUCCESS"
    assert opened() - before < SESSIONS_OF_A_RUN_MAX


def test_the_landing_sensor_and_hourly_billing_are_on_without_anyone_turning_them_on(demo: RunningFridge) -> None:
    (repository,) = demo.graphql(AUTOMATION)["repositoriesOrError"]["nodes"]
    status = {each["name"]: each["sensorState"]["status"] for each in repository["sensors"]}
    status |= {each["name"]: each["scheduleState"]["status"] for each in repository["schedules"]}
    assert status["landing_sensor"] == status["hourly_billing"] == "RUNNING"


def test_new_files_lead_within_one_tick_to_runs_of_just_their_hours_and_the_same_files_to_none(
    demo: RunningFridge,
) -> None:
    # The sensor may have seen the demo's files before the demo had loaded them: its run would take ours along.
    wait_until("the start's runs have ended", lambda: all(run["status"] in RUN_ENDED for run in runs_since(demo, 0)))
    opened, closed = hour_ago(0), hour_ago(30)
    begun = time.time()
    names = [land(demo, opened), land(demo, closed)]
    for name in names:
        assert await_loaded(demo, name) == READINGS
    wait_until("the closed hour is restated", lambda: is_billed(demo, closed))
    wait_until("all runs have ended", lambda: all(run["status"] in RUN_ENDED for run in runs_since(demo, begun)))
    loaded_at = time.time()
    wait_until("a further tick has found nothing new", lambda: last_skipped_tick(demo) > loaded_at)
    assert sorted(map(sorted, hours_of_runs_since(demo, begun))) == sorted([[key(opened)], [key(closed)]])
    assert not demo.rows("select * from fridge.meter_events where hour = %s", opened)  # open: counted, not billed


def test_a_data_engineer_launches_a_backfill_of_72_hours_in_the_browser_and_sees_it_done_its_numbers_and_the_report(
    demo: RunningFridge, tmp_path: Path
) -> None:
    """The pictures in docs/images are what this test sees: `make pictures`."""
    try:
        browser = find_browser()
    except NoBrowserError as missing:
        pytest.skip(str(missing))
    first, last, month = key(hour_ago(73)), key(hour_ago(2)), f"{hour_ago(2):%Y-%m}"
    reported = launch_month(demo, "audit_report", month)
    pictures = Path(os.environ.get("PICTURES", tmp_path))
    with open_page(browser) as page:
        engineer = Engineer(page, demo, pictures)
        assert engineer.sees_the_graph().stat().st_size < PICTURE_BYTES_MAX
        known = {each["id"] for each in backfills(demo)}
        engineer.launches_a_backfill(first, last, 72)
        (asked,) = wait_until("the backfill is there", lambda: {each["id"] for each in backfills(demo)} - known)
        wait_until("the backfill has ended", lambda: backfill(demo, asked)["status"] in BACKFILL_ENDED)
        ended = backfill(demo, asked)
        assert (ended["status"], ended["numPartitions"]) == ("COMPLETED_SUCCESS", 72), ended
        assert [run["status"] for run in ended["runs"]] == ["SUCCESS"]
        for asset in CHAIN:
            assert any(begin <= first and last <= end for begin, end in materialized_ranges(demo, asset)), asset
        engineer.sees_the_backfill(asked, 72)
        engineer.sees_the_hours("raw_readings", first, "empty: no landing files")
        engineer.sees_a_plot("meter_events", "events_accepted", "delivery_seconds")
        engineer.sees_a_check("inserted_counts", "usage_is_what_the_files_brought")
        wait_until("the report is made", lambda: run_status(demo, reported) in RUN_ENDED)
        engineer.opens_the_report(month, "Usage", TENANT)


@pytest.mark.prove
def test_a_backfill_of_200_hours_that_is_cancelled_halfway_is_resumed_and_every_hour_is_billed_once(
    demo: RunningFridge,
) -> None:
    hours = [key(hour_ago(hours)) for hours in range(201, 1, -1)]
    late = hour_ago(30)
    with demo.connection() as connection:
        connection.execute("lock table fridge.landing_files in share mode")
        name = land(demo, late)
        asked = launch_backfill(demo, CHAIN, hours)
        # The late file's own run waits there too; and of a run that is only starting Dagster gives up after minutes.
        wait_until("its run has begun", lambda: "STARTED" in {run["status"] for run in backfill(demo, asked)["runs"]})
        wait_until("a run waits in the middle of its load", lambda: connection.execute(WAITING_LOADS).fetchone())
        cancel_backfill(demo, asked)
    wait_until("the backfill is cancelled", lambda: backfill(demo, asked)["status"] == "CANCELED")
    again = launch_backfill(demo, CHAIN, hours)
    wait_until("the second one has ended", lambda: backfill(demo, again)["status"] in BACKFILL_ENDED)
    ended = backfill(demo, again)
    assert (ended["status"], len(ended["runs"])) == ("COMPLETED_SUCCESS", 2), ended  # of 168 hours at most
    assert await_loaded(demo, name) == READINGS
    wait_until("the late hour is billed", lambda: is_billed(demo, late))
    assert closed(usage_at_stripe(demo.home)) == closed(usage_in_the_books(demo.home))


@pytest.mark.prove
def test_two_overlapping_backfills_at_once_bill_every_hour_once(demo: RunningFridge) -> None:
    late = hour_ago(20)
    name = land(demo, late)
    spans = [[key(hour_ago(hours)) for hours in range(first, first - 24, -1)] for first in (40, 26)]
    asked = [launch_backfill(demo, CHAIN, hours) for hours in spans]
    wait_until("both have ended", lambda: all(backfill(demo, each)["status"] in BACKFILL_ENDED for each in asked))
    assert [backfill(demo, each)["status"] for each in asked] == ["COMPLETED_SUCCESS"] * 2
    assert await_loaded(demo, name) == READINGS
    wait_until("the late hour is billed", lambda: is_billed(demo, late))
    assert closed(usage_at_stripe(demo.home)) == closed(usage_in_the_books(demo.home))


def closed(usage: Usage) -> Usage:
    """Of the hours that were over when these tests began: an open one is counted, and not billed yet."""
    return {
        (meter, customer, hour): value for (meter, customer, hour), value in usage.items() if hour <= key(hour_ago(2))
    }


def pids_with(demo: RunningFridge, words: str) -> set[int]:
    """The processes of the installation with these words on their command line."""
    return {int(line.partition(":")[0]) for line in describe(processes_of(demo.home)) if words in line}


def runs_anew(demo: RunningFridge, words: str, before: set[int]) -> bool:
    """Whether it runs, in other processes only."""
    now = pids_with(demo, words)
    return bool(now) and not now & before


def process_with(demo: RunningFridge, words: str) -> psutil.Process:
    """The oldest of them, once there is one."""
    found = wait_until(f"{words} runs", lambda: pids_with(demo, words))
    return min((psutil.Process(pid) for pid in found), key=lambda each: each.create_time())


def await_said(demo: RunningFridge, words: str) -> None:
    """Waits until ``fridge`` has told its user so."""
    wait_until(f"it says that {words}", lambda: words in demo.said())


def is_whole(demo: RunningFridge) -> bool:
    """Whether runs, ticks and backfills can be read; connections from before a restart fail once each."""
    try:
        runs_since(demo, 0)
        last_skipped_tick(demo)
        return backfills(demo) is not None
    except (AssertionError, KeyError, TypeError, requests.RequestException):
        return False


@contextmanager
def load_held_up(demo: RunningFridge, hours: int) -> Iterator[str]:
    """A new landing file whose run has begun and cannot go on before the block ends; yields the file's name."""
    with demo.connection() as connection:
        connection.execute("lock table fridge.landing_files in share mode")
        name = land(demo, hour_ago(hours))
        launch_run(demo, key(hour_ago(hours)))

        def waiting() -> bool:
            return connection.execute(WAITING_LOADS).fetchone() is not None

        wait_until("the run waits in the middle of its load", waiting)
        yield name


@pytest.mark.parametrize(
    ("words", "which", "hours"),
    [
        ("prompt_daemon run", 0, 6),
        pytest.param("warm_code_server", 0, 8, marks=pytest.mark.prove, id="that which forks"),
        pytest.param("warm_code_server", 1, 10, marks=pytest.mark.prove, id="that which serves"),
    ],
)
def test_an_hour_is_finished_by_itself_when_a_service_is_killed_in_the_middle_of_its_run(
    demo: RunningFridge, words: str, which: int, hours: int
) -> None:
    with load_held_up(demo, hours) as name:
        before = pids_with(demo, words)
        killed = sorted((psutil.Process(pid) for pid in before), key=lambda each: each.create_time())[which]
        killed.send_signal(signal.SIGKILL)
        wait_until(f"{words} runs again, and nothing of what there was", lambda: runs_anew(demo, words, before))
    assert await_loaded(demo, name) == READINGS
    wait_until("the hour is billed", lambda: is_billed(demo, hour_ago(hours)))


@pytest.mark.prove
def test_a_killed_postgresql_and_a_killed_sandbox_come_back_and_the_next_file_is_billed(demo: RunningFridge) -> None:
    for words in ("bin/postgres", "-m stripe_sandbox"):
        process_with(demo, words).send_signal(signal.SIGKILL)
    for words in ("PostgreSQL had ended", "the Stripe sandbox had ended"):
        await_said(demo, words)
    await_said(demo, "webserver had ended")  # so that the UI is rid of its dead connections
    wait_until("the UI answers from each of Dagster's storages again", lambda: is_whole(demo))
    hour = hour_ago(12)
    name = land(demo, hour)
    assert await_loaded(demo, name) == READINGS
    wait_until("the hour is billed", lambda: is_billed(demo, hour))
