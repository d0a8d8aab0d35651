from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fridge_pipeline.database.embedded.logins import ServerAddress
from tests.conftest import fresh_database
from tests.finance.evidence.books import FEBRUARY, JANUARY, close, fill, made
from tests.pipeline import Clock, Pipeline
from tests.sandbox_process import SandboxProcess


@pytest.fixture
def books(pipeline: Pipeline) -> Pipeline:
    """Two months of books, of which nothing is closed."""
    fill(pipeline)
    return pipeline


@pytest.fixture
def january(books: Pipeline, tmp_path: Path) -> Path:
    """The pack of a closed month."""
    close(books, JANUARY)
    return made(books, JANUARY, tmp_path / "2026-01.zip")


@pytest.fixture
def february(books: Pipeline, january: Path) -> Path:
    """The pack that is chained to it."""
    close(books, FEBRUARY)
    return made(books, FEBRUARY, january.with_name("2026-02.zip"))


@pytest.fixture(scope="module")
def made_once(
    server: ServerAddress, shared_sandbox: SandboxProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The same pack of January, for all tests of a file that need no books."""
    folder = tmp_path_factory.mktemp("pack")
    shared_sandbox.reset()
    with fresh_database(server) as database:
        books = Pipeline(database, shared_sandbox, folder / "landing", folder / "work", Clock(datetime.now(UTC)))
        fill(books)
        close(books, JANUARY)
        yield made(books, JANUARY, folder / "2026-01.zip")


@pytest.fixture
def pack(made_once: Path, tmp_path: Path) -> Path:
    """A copy of it, to be altered."""
    return Path(shutil.copy(made_once, tmp_path))
