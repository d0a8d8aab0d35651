"""What a person sees in the UI of files that were not used, and of how far a run is: its log, and a check."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import pytest

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.ingest.assets import UNUSABLE_SHOWN
from fridge_pipeline.ingest.load import HourLoad
from fridge_pipeline.orchestration.progress import SAY_EVERY_SECONDS, Progress
from tests.orchestration.ticks import asset_job, run_hours
from tests.pipeline import Pipeline, csv_of, readings

HEADER = b"tenant_id,sensor_id,recorded_at,temperature_c\n"


def said(instance: dg.DagsterInstance, run_id: str, *levels: int) -> list[str]:
    """The lines of a run's log that are its assets' own; of some levels only."""
    own = [each for each in instance.all_logs(run_id) if not each.is_dagster_event]
    return [each.user_message for each in own if not levels or each.level in levels]


def test_a_broken_file_and_rejected_rows_are_a_warning_with_the_numbers_and_lines_with_the_causes(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "good.csv", readings("cohoes", hour, 2, 10))
    pipeline.land(hour, "broken.parquet", b"PAR1 and nothing that a parquet file has")
    hot = b"".join(f"cohoes,s9,{hour.start:%Y-%m-%dT%H:}{minute:02}:00Z,999\n".encode() for minute in range(5))
    pipeline.land(hour, "hot.csv", HEADER + hot)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, HourRange(hour, hour))
        assert result.success, "its neighbours load"
        (check,) = [
            each for each in result.get_asset_check_evaluations() if each.check_name == "every_file_and_row_was_used"
        ]
        warnings = said(instance, result.run_id, logging.WARNING)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert {name: value.value for name, value in check.metadata.items() if name != "not_used"} == {
        "files": 3,
        "unreadable_files": 1,
        "rows": 25,
        "rejected": 5,
    }
    assert "1 of 3 files unreadable or damaged, 5 of 25 rows rejected (20.0%)" in (check.description or "")
    broken, rejected = warnings
    assert re.search(r"broken\.parquet: .*no row could be read", broken)
    assert re.search(r"hot\.csv: 5 rows rejected: .*temperature", rejected)


def test_files_that_were_used_to_the_last_row_pass_and_warn_of_nothing(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 10))
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, HourRange(hour, hour))
        assert all(each.passed for each in result.get_asset_check_evaluations())
        assert said(instance, result.run_id, logging.WARNING) == []


def test_a_run_of_72_hours_says_what_it_does_and_what_it_came_to_in_a_bounded_number_of_lines(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago).plus(-40)
    pipeline.add_tenant("cohoes")
    for step in range(72):
        pipeline.land(first.plus(step), "a.csv", csv_of(readings("cohoes", first.plus(step), 1, 3)) + b"cohoes,,,\n")
    span = HourRange(first, first.plus(71))
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_hours(definitions, instance, span)
        lines = said(instance, result.run_id)
        warnings = said(instance, result.run_id, logging.WARNING)
    assert result.success
    told = "\n".join(lines)
    for words in (
        rf"loading {re.escape(str(span))} from ",
        r"72 files, 288 rows = 216 new \+ 0 duplicate \+ 72 rejected \(\d+\.\d s\)",
        r"counting inserted_counts, active_sensors, declared_measures of ",
        r"72 tenant-hours of inserted_counts, 72 tenant-hours of active_sensors, 0 .* declared_measures \(\d+\.\d s\)",
        r"billing .* to ",
        r"144 accepted; 72 of 72 hours have nothing left to send \(\d+\.\d s\)",
        r"declared_hours, sensor_hours, recorded_months for ",
    ):
        assert re.search(words, told), words
    assert len(warnings) == UNUSABLE_SHOWN + 1
    assert len(lines) < UNUSABLE_SHOWN + 20


def test_every_asset_begins_with_what_it_does_and_ends_with_what_it_came_to_and_how_long_it_took(
    definitions: dg.Definitions, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    told: dict[str, list[str]] = {}
    with dg.DagsterInstance.ephemeral() as instance:
        assert run_hours(definitions, instance, HourRange(hour, hour)).success
        graph = definitions.resolve_asset_graph()
        for assets in [each for each in graph.assets_defs if each.is_executable and each.keys]:
            names = [key.to_user_string() for key in assets.keys]
            grid = assets.partitions_def
            key = f"{hour.start:{grid.fmt}}" if isinstance(grid, dg.TimeWindowPartitionsDefinition) else None
            job = asset_job(definitions, names)
            done = job.execute_in_process(instance=instance, partition_key=key, raise_on_error=False)
            assert done.success, names
            told[names[0]] = said(instance, done.run_id)
    assert {"raw_readings", "backfill_plan", "stripe_reconciliation", "audit_report", "evidence_pack"} <= told.keys()
    for name, lines in told.items():
        assert len(lines) >= 2, (name, lines)
        assert re.search(r" \(\d+\.\d s\)$", lines[-1]), (name, lines)
    assert "0 tenants and meters would change in 0 hours, 0 calls" in told["backfill_plan"][-1]
    (compared,) = told["stripe_reconciliation"][-1:]
    assert "2 of 2 accounts compared, 0 unexplained; 0 of 0 customers without usage read; 2 reads of Stripe" in compared
    assert re.search(r"a draft, for the month is not closed, \d+ files", told["evidence_pack"][-1])


def test_a_long_step_says_now_and_then_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = [0.0]

    def loads() -> Iterator[HourLoad]:
        for step in range(100):
            now[0] += SAY_EVERY_SECONDS / 20
            yield HourLoad(Hour.from_unix(step * 3600))

    progress = Progress(logging.getLogger("run"), "loading", lambda: now[0])
    assert len(list(progress.follow(loads(), 100))) == 100
    for _ in range(1000):
        now[0] += SAY_EVERY_SECONDS / 160
        progress.at_failpoint(Failpoint.ANSWERED)
    progress.finish("done")
    lines = [each.getMessage() for each in caplog.records if each.name == "run"]
    assert lines[:2] == ["loading", f"loading: 20 of 100 hours, 0 rows after {SAY_EVERY_SECONDS:.0f} s"]
    assert len(lines) == 1 + 5 + 6 + 1
    assert lines[-2].endswith("960 calls answered by Stripe after 110 s")
