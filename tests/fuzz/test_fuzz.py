"""Mutated landing files through the real loader; ``make fuzz N=100000`` takes as many as you like."""

from __future__ import annotations

from pathlib import Path

import pytest

from fridge_pipeline.database.connection import Database
from tests.fuzz.campaign import FINDINGS, batch, run_batch
from tests.fuzz.laws import Ground

KEPT = sorted(path for path in FINDINGS.iterdir() if not path.name.startswith((".", "README")))


@pytest.fixture
def ground(database: Database, tmp_path: Path) -> Ground:
    (tmp_path / "work").mkdir()
    return Ground(database, tmp_path)


def test_300_mutated_files_crash_nothing_lose_no_row_and_spoil_no_neighbour(ground: Ground) -> None:
    files, intact = batch(seed=1, number=0, size=300)
    assert run_batch(ground, files, intact, copies=True) == []


def test_a_batch_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert batch(7, 3, 40) == batch(7, 3, 40)
    assert batch(7, 3, 40) != batch(8, 3, 40)


def test_what_once_broke_a_law_breaks_none_any_more(ground: Ground) -> None:
    kept = {path.name: path.read_bytes() for path in KEPT}
    neighbours, intact = batch(seed=2, number=0, size=5)
    assert len(kept) > 0
    assert run_batch(ground, {**neighbours, **kept}, intact, copies=True) == []


@pytest.mark.parametrize(
    ("what", "books", "broken"),
    [
        ("a lost row", {"row_count": 3}, "rows are unaccounted for"),
        ("a reading more than counted", {"stored": 2}, "counts are not what is stored"),
        ("an unreadable file that nobody sees", {"status": "unreadable"}, "disagree"),
        ("an exception without a cause", {"status": "damaged", "detail": "bad"}, "says nothing"),
    ],
)
def test_the_laws_see(what: str, books: dict[str, object], broken: str) -> None:
    from tests.fuzz.laws import _accounting  # noqa: PLC0415

    sound: dict[str, object] = {"row_count": 1, "inserted_count": 1, "duplicate_count": 0, "rejected_count": 0}
    sound |= {"stored": 1, "kept": 0, "status": "loaded", "detail": None}
    assert list(_accounting(sound)) == []
    assert any(broken in said for said in _accounting({**sound, **books})), what
