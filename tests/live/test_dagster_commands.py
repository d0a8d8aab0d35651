"""Dagster's own commands in the checkout, as `make setup` leaves it: none is told where the code is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from fridge_pipeline.database.embedded.server import EmbeddedServer
from fridge_pipeline.settings import REPOSITORY
from tests.live.deliveries import hour_ago, key
from tests.live.running_fridge import SECONDS_TO_START, environment_for, run_fridge, wait_until

BIN = Path(sys.executable).parent
HOUR = key(hour_ago(30))
LOCATIONS = "{workspaceOrError {... on Workspace {locationEntries {name loadStatus}}}}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of all these commands; its database is kept up, so that not each of them starts it."""
    home = tmp_path_factory.mktemp("commands") / "home"
    with EmbeddedServer(home / "postgres").hold():
        yield home
    run_fridge(home, "db", "stop")


def in_checkout(home: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command line as a shell in the checkout runs it."""
    environment = {**environment_for(home), "PATH": f"{BIN}:{os.environ['PATH']}"}
    environment.pop("VIRTUAL_ENV", None)
    return subprocess.run(
        ["sh", "-c", command],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=4 * SECONDS_TO_START,
        check=False,
    )


#: In each `make test`; the others are the longest tests.
MATERIALIZE = (f"dagster asset materialize --select raw_readings --partition {HOUR}", "RUN_SUCCESS")

COMMANDS = [
    MATERIALIZE,
    ("dagster asset list", "^raw_readings$"),
    (f"""dagster job execute -j plan_backfill --tags '{{"dagster/partition": "{HOUR}"}}'""", "RUN_SUCCESS"),
    ("dagster definitions validate", "Validation successful for code location fridge_pipeline"),
    ("dg list defs", "raw_readings"),
    ("dg check defs", "All definitions loaded successfully"),
    (f"dg launch --assets raw_readings --partition {HOUR}", "RUN_SUCCESS"),
]


@pytest.mark.parametrize(
    ("command", "says"),
    [pytest.param(*each, marks=() if each is MATERIALIZE else pytest.mark.prove) for each in COMMANDS],
)
def test_a_command_of_dagster_finds_the_code_by_itself(home: Path, command: str, says: str) -> None:
    done = in_checkout(home, command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(says, done.stdout + done.stderr, re.MULTILINE), done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.prove
def test_they_do_so_as_well_with_the_environment_of_the_installation(home: Path) -> None:
    done = in_checkout(home, 'eval "$(fridge env)" && dagster asset list')
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search("^raw_readings$", done.stdout, re.MULTILINE), done.stdout[-3000:]


@pytest.mark.prove
@pytest.mark.parametrize("program", ["dagster", "dg"])
def test_dagsters_development_server_loads_the_one_code_location_under_its_own_name(
    home: Path, tmp_path: Path, program: str
) -> None:
    log = tmp_path / "dev.log"
    with log.open("wb") as output:
        dev = subprocess.Popen(
            [str(BIN / program), "dev", "--port", "0"],
            cwd=REPOSITORY,
            env=environment_for(home),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        url = wait_until("the UI serves", lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()))[0]
        answer = wait_until("the code location is loaded", lambda: loaded_locations(url))
        assert answer == ["fridge_pipeline"]
    finally:
        dev.send_signal(signal.SIGINT)
        dev.wait(60)


def loaded_locations(url: str) -> list[str] | None:
    """The names of the code locations once all of them are loaded."""
    try:
        answer = requests.post(f"{url}/graphql", json={"query": LOCATIONS}, timeout=20).json()
    except requests.RequestException:
        time.sleep(1)
        return None
    entries = answer["data"]["workspaceOrError"]["locationEntries"]
    return [each["name"] for each in entries] if all(each["loadStatus"] == "LOADED" for each in entries) else None
