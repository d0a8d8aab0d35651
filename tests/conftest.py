"""What every test may use: one PostgreSQL for the whole run, a fresh database for each test, a clock to set."""

from __future__ import annotations

import gc
import importlib
import math
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import adbc_driver_postgresql
import psycopg
import pytest
from adbc_driver_postgresql import dbapi
from hypothesis import settings
from psycopg import sql
from xdist.scheduler import LoadFileScheduling, Scheduling

from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.layout import SETTINGS
from fridge_pipeline.database.embedded.logins import ServerAddress
from fridge_pipeline.database.people_record import restrict_readers
from fridge_pipeline.database.schema import PIPELINE
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.settings import MODELS_FOLDER
from tests.arrow_types import ReadOnce
from tests.console_script import Run, console_script
from tests.kept_connections import KeptConnections
from tests.kept_databases import KeptDatabases
from tests.own_environment import own_environment
from tests.people import add_people
from tests.pipeline import Clock, Pipeline
from tests.sandbox_process import SandboxProcess, running_sandbox
from tests.world import CREATE, PREPARED, World

#: What a power cut would do is not what these tests are about, and most databases live for less than a second.
SHORT_LIVED = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}

#: Rights on a database itself are not copied.
TEMPORARY = sql.SQL(
    "revoke temporary on database {0} from public; grant temporary on database {0} to fridge_pipeline, fridge_operator"
)

KEPT = KeptConnections(psycopg.connect, dbapi.connect)

#: They look at one running installation, in this order.
ONE_INSTALLATION = (
    "tests/live/test_up.py",
    "tests/live/test_neighbours.py",
    "tests/live/test_requests_of_the_ui.py",
)

#: Files and folders that take a worker for a minute; next come files with any test that is marked as long.
LONGEST = (
    *ONE_INSTALLATION,
    "tests/live/test_life.py",
    "tests/docs/test_tutorial.py",
    "tests/cli/test_interruption.py",
    "tests/live/",
    "tests/simulation/",
    "tests/finance/evidence/test_verify_memory.py",
    "tests/security/test_memory.py",
    "tests/database/embedded/",
    "tests/orchestration/",
)

gc.disable()  # until all tests are collected: nothing of that is let go of

#: jsonschema is never asked about formats; to build their grammars as it is imported takes a fifth of the collection.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

#: How long an example takes says how busy the machine is.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """On a clean clone a worker has Python keep its share of the files as pytest rewrites them, then reads the others'.

    To rewrite them takes as long as the rest of the collection, and all workers would rewrite all at the same time.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or sys.dont_write_bytecode:
        return
    asked = [Path(argument.partition("::")[0]).resolve() for argument in session.config.args]
    files = sorted(file for path in asked for file in path.rglob("test_*.py"))
    for file in files[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):  # which the collection of this file tells
            importlib.import_module(".".join(file.relative_to(session.config.rootpath).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """The million objects of Dagster, polars and the tests stay: looking through them again takes a tenth of a run.

    To look through new ones after each 700, as Python does, takes another tenth where Dagster makes its objects.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is still at it when the others have ended."""
    long = {item.path for item in items if item.get_closest_marker("prove")}

    def rank(item: pytest.Item) -> float:
        found = (number for number, path in enumerate(LONGEST) if item.nodeid.startswith(path))
        return next(found, len(LONGEST) if item.path in long else math.inf)

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Where tests run in parallel, a worker takes a file at a time, whose tests share what is made once for them."""
    return SharedScheduling(config, log)


class SharedScheduling(LoadFileScheduling):  # type: ignore[misc] # pytest-xdist has no types
    """What shares a running installation stays together; schedules of the simulation share nothing."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        if file in ONE_INSTALLATION:
            return ONE_INSTALLATION[0]
        return nodeid if file.startswith("tests/simulation/") else file


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() - own_environment().keys():
        monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _connections_are_cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adbc_driver_postgresql, "connect", ReadOnce())
        patch.setattr(psycopg, "connect", KEPT.single)
        patch.setattr(dbapi, "connect", KEPT.bulk)
        yield


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[World]:
    """One PostgreSQL for all workers of a test run: each holds it, the last one to leave stops it."""
    base = tmp_path_factory.getbasetemp()
    home = (base if worker_id == "master" else base.parent) / "server"
    home.mkdir(exist_ok=True)
    with ExitStack() as held:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in SHORT_LIVED.items():
                patch.setitem(SETTINGS, name, value)
            world = held.enter_context(World(home))
        world.template(PREPARED, partial(_prepare, world))
        yield world


@pytest.fixture(scope="session")
def server(world: World) -> ServerAddress:
    """Its address, for the owner of the databases."""
    return world.address


def _prepare(world: World, dsn: str) -> None:
    prepare_database(Database(dsn), MODELS_FOLDER, datetime.now(UTC))
    with world.as_superuser(dsn) as connection:
        restrict_readers(connection)
        add_people(connection)
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from fridge.restores")  # a copy of the template is not restored


@pytest.fixture(scope="session")
def kept_databases(world: World) -> Iterator[KeptDatabases]:
    """Those of the tests of a worker."""
    kept = KeptDatabases(lambda: fresh_database(world.address), world.as_superuser, KEPT)
    yield kept
    kept.end()


@pytest.fixture
def database(kept_databases: KeptDatabases) -> Iterator[Database]:
    """A database of this test's own, with the schema, and with the rights that the pipeline has."""
    yield kept_databases.take()
    kept_databases.give_back()


@pytest.fixture
def as_superuser(database: Database, world: World) -> Iterator[psycopg.Connection]:
    """Signed in to the test's books as the server's superuser."""
    with world.as_superuser(database.dsn) as connection:
        yield connection


@pytest.fixture
def new_login(as_superuser: psycopg.Connection) -> Iterator[str]:
    """A login that no other test has, for a person to be made."""
    name = f"person0{uuid.uuid4().hex[:12]}".replace("1", "2")
    yield name
    as_superuser.execute(f"drop owned by {name}; drop role {name}".encode())


@contextmanager
def fresh_database(server: ServerAddress, template: str = PREPARED) -> Iterator[Database]:
    """The same for whoever needs one for longer than a test, or a copy of one that nobody is connected to."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(CREATE.format(sql.Identifier(name), sql.Identifier(template)))
        connection.execute(TEMPORARY.format(sql.Identifier(name)))
        KEPT.keep(name)
        yield Database(server.dsn(name)).acting_as(PIPELINE)
        KEPT.end(name)
        try:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            # Another login has closed its connection, and the server is still ending its process: this waits for it.
            connection.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxProcess]:
    """A Stripe sandbox process for all tests of a worker."""
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def stripe_sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    """An empty account in real time."""
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def clock() -> Clock:
    """The time it is for the pipeline: now, to the second, until a test moves it."""
    return Clock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def pipeline(database: Database, stripe_sandbox: SandboxProcess, tmp_path: Path, clock: Clock) -> Pipeline:
    """The real steps on a real database, a real landing folder and the sandbox over HTTP."""
    return Pipeline(database, stripe_sandbox, tmp_path / "landing", tmp_path / "work", clock)


@pytest.fixture
def two_days_ago(clock: Clock) -> datetime:
    """The start of an hour that is closed and well inside the 35 days."""
    return (clock.now - timedelta(days=2)).replace(minute=0, second=0)


@pytest.fixture
def run(pipeline: Pipeline, tmp_path: Path) -> Run:
    """The real console script, in a folder of its own, on the test's installation."""
    return console_script(pipeline, tmp_path)
