"""What the benchmarks conclude from samples; nothing here is timed."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from benchmarks.measuring.contest import REPOSITORY, CandidateFailedError, interleaved, run_candidate
from benchmarks.measuring.row import Row, Side, Target
from benchmarks.measuring.sample import Sample
from benchmarks.measuring.stopwatch import Stopwatch
from benchmarks.readings import SEEDS, Fleet, readings
from benchmarks.report.record import as_text

HOUR = datetime(2026, 1, 24, 18, tzinfo=UTC)
FLEET = Fleet(tenants=3, sensors=20)


def sample(wall: float, work: float = 1) -> Sample:
    return Sample(wall=wall, cpu=wall / 2, peak_memory=0, peak_before=0, work=work)


def side(*walls: float) -> Side:
    return Side.of("a side", [sample(wall) for wall in walls], lambda each: each.wall)


def made(rows: int, seed: int, span: timedelta = timedelta(hours=1)) -> pl.DataFrame:
    return pl.concat(readings(FLEET, HOUR, span, rows, seed))


def test_the_ratio_is_that_of_the_medians_and_one_slow_turn_does_not_move_it() -> None:
    row = Row("load", "work", "s", side(2, 90, 4), side(2, 1, 2))
    assert row.ratio == 2
    assert list(row.ratios_of_turns) == [1, 90, 2]


def test_sides_with_unlike_turns_are_compared_with_the_other_sides_median() -> None:
    assert list(Row("load", "work", "s", side(2, 4, 6), side(2)).ratios_of_turns) == [1, 2, 3]


@pytest.mark.parametrize(
    ("target", "ratio", "holds"),
    [
        (Target(at_least=0.8), 0.8, True),
        (Target(at_least=0.8), 0.79, False),
        (Target(at_most=3), 3, True),
        (Target(at_most=3), 3.01, False),
        (Target(at_least=0.8, at_most=1.2), 1.3, False),
    ],
)
def test_a_target_holds_up_to_its_bound_and_not_beyond(target: Target, ratio: float, holds: bool) -> None:  # noqa: FBT001
    assert Row("load", "work", "s", side(ratio), Side.limit("one", 1), target).holds is holds


def test_a_row_without_a_target_neither_holds_nor_fails() -> None:
    assert Row("load", "work", "s", side(1), side(2)).holds is None


def test_rates_are_work_per_second_of_wall_time() -> None:
    assert sample(wall=4, work=100).per_second == 25
    assert sample(wall=4).cores == 0.5


def test_candidates_take_turns_and_everyone_is_told_of_every_sample() -> None:
    order: list[tuple[str, int]] = []
    taken = interleaved(
        {name: lambda _: sample(1) for name in ("ours", "theirs")}, 2, lambda name, turn, _: order.append((name, turn))
    )
    assert order == [("ours", 0), ("theirs", 0), ("ours", 1), ("theirs", 1)]
    assert {name: len(samples) for name, samples in taken.items()} == {"ours": 2, "theirs": 2}


def hungry(stopwatch: Stopwatch, *, mebibytes: int) -> int:
    with stopwatch.running():
        held = bytearray(os.urandom(1024) * (mebibytes * 1024))
    return len(held)


def failing(stopwatch: Stopwatch) -> int:
    raise ValueError(f"nothing to time with {stopwatch}")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot tell its peak from its parent's")
def test_a_candidates_memory_is_its_own_and_not_that_of_the_process_that_started_it() -> None:
    ours = bytearray(os.urandom(1024) * (400 * 1024))
    measured = run_candidate(f"{__name__}:hungry", {"mebibytes": 50}, {}, {})
    assert len(ours) > measured.peak_memory > measured.work
    assert measured.peak_memory - measured.peak_before >= measured.work * 0.9


def test_a_candidate_that_fails_says_why() -> None:
    with pytest.raises(CandidateFailedError, match="nothing to time with"):
        run_candidate(f"{__name__}:failing", {}, {}, {})


def test_the_same_seed_gives_the_same_readings_and_another_one_gives_others() -> None:
    assert made(500, seed=1).equals(made(500, seed=1))
    assert made(500, seed=1).join(made(500, seed=2), on=["sensor_key", "recorded_at"]).is_empty()
    assert made(500, seed=1).hash_rows(1).sum() != made(500, seed=1 + SEEDS).hash_rows(1).sum()


def test_readings_have_no_identity_twice_lie_within_their_span_and_come_from_all_sensors() -> None:
    frame = made(1990, seed=5)
    assert frame.select(pl.struct("tenant_id", "sensor_id", "recorded_at").n_unique()).item() == 1990
    assert frame["recorded_at"].is_between(HOUR, HOUR + timedelta(hours=1), closed="left").all()
    assert (frame["tenant_id"].n_unique(), frame["sensor_id"].n_unique()) == (3, 20)
    assert frame.group_by("sensor_key").agg(pl.col("sensor_id").n_unique())["sensor_id"].to_list() == [1] * 20


def test_readings_that_do_not_fit_into_their_span_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        made(1000, seed=1, span=timedelta(milliseconds=100))


def test_the_record_that_is_kept_has_a_line_for_each_measurement_and_reads_back() -> None:
    (kept,) = (REPOSITORY / "benchmarks" / "results").glob("*.json")
    content = json.loads(kept.read_text())
    assert as_text(content) == kept.read_text()
    assert kept.read_text().count('\n  {"subject": ') == len(content["rows"]) > 20
