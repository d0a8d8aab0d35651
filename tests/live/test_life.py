"""How ``fridge demo``, ``fridge up`` and ``fridge ui`` start and end, whoever ends them."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import requests

from fridge_pipeline.calendar.hours import Hour
from tests.live.deliveries import land
from tests.live.running_fridge import (
    FRIDGE,
    RunningFridge,
    describe,
    environment_for,
    leaders_of,
    processes_of,
    run_fridge,
    running_fridge,
    wait_until,
)
from tests.live.runs import launch_run
from tests.live.usage import Usage, usage_at_stripe, usage_in_the_books

GRID = """{assetNodeOrError(assetKey: {path: ["raw_readings"]})
    {... on AssetNode {partitionKeys partitionStats {numPartitions numMaterialized}}}}"""
ORIGINS = "{runsOrError {... on Runs {results {jobName repositoryOrigin {repositoryLocationName}}}}}"
SECONDS_TO_STOP_MAX = 15.0
TABLE = ("hours billed", "readings", "duplicates", "rejected", "events accepted")
SERVICES = ("warm_code_server", "guarded_webserver", "prompt_daemon", "-m stripe_sandbox")


@pytest.mark.prove
def test_a_demo_is_ended_by_ctrl_c_and_goes_on_from_its_data_and_up_ends_what_a_kill_9_has_left_over(
    tmp_path: Path,
) -> None:
    home = tmp_path / "a home with spaces"
    before = usage_of_a_demo_that_ctrl_c_ends(home, tmp_path / "said")
    second = run_fridge(home, "demo", "--exit")
    assert second.returncode == 0, second.stderr
    assert all(heading in second.stderr for heading in TABLE), second.stderr
    assert "Dagster UI at http://" in second.stderr.partition(TABLE[0])[0], "one can watch while it bills"
    assert not processes_of(home), describe(processes_of(home))
    after = usage_in_the_books(home)
    changed = {hour for (meter, customer, hour), value in before.items() if after.get((meter, customer, hour)) != value}
    assert changed <= {f"{late.parts[-3]}-{late.parts[-2]}:00" for late in home.glob("landing/*/*/*-late.csv")}
    assert usage_at_stripe(home) == after, "nothing was billed twice"

    with running_fridge(home, "up", "--port", "0") as killed:
        first_of_the_demo, not_loaded = grid(killed)
        assert not_loaded <= 2, "the hour that runs, and perhaps one that has just begun"
        assert runs_of_jobs(killed) >= {"load_and_bill", "check_books"}, "the time line shows what the demo did"
        killed.end(signal.SIGKILL)
    left_over = {name: killed.living_service(name).pid for name in SERVICES}
    with running_fridge(home, "up", "--port", "0") as up:
        daemons = leaders_of(home, "prompt_daemon")
        assert len(daemons) == 1, describe(daemons)
        assert daemons[0].pid != left_over["prompt_daemon"]
        assert "left over" in up.said()
        wait_until("the daemon answers for all its parts", lambda: _is_healthy(up))
        what_it_prints_leads_to_ui_console_and_books(up)
        assert grid(up)[0] == first_of_the_demo
        earlier = Hour.from_key(first_of_the_demo).plus(-20)
        land(up, earlier.start)
        wait_until("the grid begins at the earlier folder", lambda: grid(up)[0] == earlier.key)
        assert up.end(signal.SIGINT) < SECONDS_TO_STOP_MAX
    assert up.process.returncode == 0, up.said()
    assert not processes_of(home), describe(processes_of(home))


def usage_of_a_demo_that_ctrl_c_ends(home: Path, output: Path) -> Usage:
    """It waits for the billing of its late file just then, and all that it started ends with it."""
    with output.open("w") as said:
        command = [FRIDGE, "demo", "--port", "0"]
        demo = subprocess.Popen(command, env=environment_for(home), stdout=said, stderr=subprocess.STDOUT)
        wait_until("the late file is there", lambda: list(home.glob("landing/*/*/*-late.csv")), pause_max=0.2)
        time.sleep(1)  # into the wait for its billing, which catches Ctrl-C to sum up first
        demo.send_signal(signal.SIGINT)
        assert demo.wait(SECONDS_TO_STOP_MAX) == 130, output.read_text()
    assert not processes_of(home), describe(processes_of(home))
    found = usage_in_the_books(home)
    assert sum(found.values()) > 0
    return found


def grid(running: RunningFridge) -> tuple[str, int]:
    """Where the grid begins in the UI, and how many of its hours are not shown as loaded."""
    node = running.graphql(GRID)["assetNodeOrError"]
    hours = node["partitionStats"]
    return str(node["partitionKeys"][0]), hours["numPartitions"] - hours["numMaterialized"]


def runs_of_jobs(running: RunningFridge) -> set[str]:
    """The jobs of the code location that have runs, as the page of jobs and the time line find them."""
    runs = running.graphql(ORIGINS)["runsOrError"]["results"]
    return {run["jobName"] for run in runs if run["repositoryOrigin"]["repositoryLocationName"] == "fridge_pipeline"}


def what_it_prints_leads_to_ui_console_and_books(up: RunningFridge) -> None:
    assert requests.get(f"{up.url}/server_info", timeout=10).ok
    (console,) = re.findall(r"Console +(http://127\.0\.0\.1:[0-9]+)", up.said())
    assert requests.get(console, timeout=10).ok
    assert up.living_service("warm_code_server").environ()["FRIDGE_UI_URL"] == up.url, "alerts link to runs"
    (books,) = re.findall(r'Database +psql "\$\((.+)\)"', up.said())
    told = subprocess.run(["sh", "-c", books], capture_output=True, text=True, check=True, timeout=60)
    with psycopg.connect(told.stdout.strip()) as connection:
        ((files,),) = connection.execute("select count(*) from fridge.landing_files").fetchall()
        assert files > 0


def test_a_read_only_ui_shows_the_books_to_finance_and_lets_nothing_be_launched(tmp_path: Path) -> None:
    home = tmp_path / "fridge home"
    with running_fridge(home, "ui", "--read-only", "--port", "0") as ui:
        assets = {each["assetKey"]["path"][0] for each in ui.graphql("{assetNodes {assetKey {path}}}")["assetNodes"]}
        assert {"tie_out", "billing_ledger", "audit_report"} <= assets
        allowed = {
            each["permission"]
            for each in ui.graphql("{permissions {permission value}}")["permissions"]
            if each["value"]
        }
        assert allowed == set()
        hour = f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%d-%H:00}"
        with pytest.raises(AssertionError, match="UnauthorizedError"):
            launch_run(ui, hour)
        assert ui.end(signal.SIGTERM) < SECONDS_TO_STOP_MAX
    assert ui.process.returncode == 0, ui.said()
    assert not processes_of(home), describe(processes_of(home))


def _is_healthy(up: RunningFridge) -> bool:
    answer = up.graphql("{instance {daemonHealth {allDaemonStatuses {daemonType healthy required}}}}")
    statuses = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(each["healthy"] for each in statuses if each["required"])
