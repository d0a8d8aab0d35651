"""``fridge demo --exit``: what a newcomer's first two minutes come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.running_fridge import describe, processes_of, run_fridge
from tests.live.usage import usage_at_stripe, usage_in_the_books

TABLE = ("hours billed", "readings", "duplicates", "rejected", "events accepted")


@pytest.mark.prove
def test_a_second_demo_continues_from_the_same_data_bills_nothing_twice_and_leaves_no_process(tmp_path: Path) -> None:
    home = tmp_path / "a home with spaces"
    first = run_fridge(home, "demo", "--exit")
    assert first.returncode == 0, first.stderr
    assert all(heading in first.stderr for heading in TABLE), first.stderr
    assert not processes_of(home), describe(processes_of(home))
    after_first = usage_in_the_books(home)
    assert sum(after_first.values()) > 0

    second = run_fridge(home, "demo", "--exit")
    assert second.returncode == 0, second.stderr
    assert not processes_of(home), describe(processes_of(home))
    after_second = usage_in_the_books(home)
    assert {key: after_second.get(key) for key in after_first} == after_first
    assert usage_at_stripe(home) == after_second
