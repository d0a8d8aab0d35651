from __future__ import annotations

from pathlib import Path

import pytest

from tests.evidence.books import FEBRUARY, JANUARY, close, fill, made
from tests.pipeline import Pipeline


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
