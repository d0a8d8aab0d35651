"""A month in which a meter was renamed is closed like any other, and its pack says what each name billed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.finance.verify_evidence import verify_evidence
from fridge_pipeline.reconciliation.reconcile import reconcile_days
from tests.finance.evidence.books import JANUARY, made
from tests.laws.test_closed_months import HOUR, approve, prepare
from tests.laws.test_removed_meters import READINGS, RENAMED, swept
from tests.laws.test_renamed_meters import rename
from tests.pipeline import Pipeline, readings


@pytest.mark.parametrize("late", [0, 5])
def test_the_month_of_a_rename_is_closed_and_its_pack_holds_what_each_name_billed(
    pipeline: Pipeline, tmp_path: Path, late: int
) -> None:
    pipeline.catalogue = CATALOGUE[:1]
    pipeline.clock.now = datetime(2026, 2, 2, 8, tzinfo=UTC)
    pipeline.advance()
    pipeline.add_tenant_with_readings("cohoes", HOUR, 2, 10)
    pipeline.run(HOUR)
    rename(pipeline)
    assert swept(pipeline) == [HOUR]
    pipeline.run(HOUR)
    after = HOUR.plus(2)
    pipeline.land(after, "a.csv", readings("cohoes", after, 1, 3))
    pipeline.run(after)
    if late:
        pipeline.land(HOUR, "late.csv", readings("cohoes", HOUR, 1, late, start=7))
        pipeline.run(HOUR)
    reconcile_days(pipeline.as_run(), lambda: pipeline.gateway, DayRange(day_of(HOUR), day_of(HOUR)))
    pipeline.run_models(HOUR, after)
    assert pipeline.failing_tests() == set()
    prepare(pipeline)
    approve(pipeline)
    totals = pipeline.one("select control_totals -> 'meters' from fridge.month_signoffs where action = 'prepare'")
    assert {
        meter: [figures[of] for of in ("usage", "stated", "stripe")]
        for meter, figures in totals.items()
        if meter in {READINGS, RENAMED.event_name}
    } == {READINGS: [20 + late, 20, 20], RENAMED.event_name: [23 + late, 23 + late, 23 + late]}
    list(verify_evidence(made(pipeline, JANUARY, tmp_path / "2026-01.zip"), None))


def test_a_rename_changes_nothing_of_a_month_that_is_closed(pipeline: Pipeline) -> None:
    pipeline.catalogue = CATALOGUE[:1]
    pipeline.clock.now = datetime(2026, 2, 2, 8, tzinfo=UTC)
    pipeline.advance()
    pipeline.add_tenant_with_readings("cohoes", HOUR, 2, 10)
    pipeline.run(HOUR)
    prepare(pipeline)
    approve(pipeline)
    rename(pipeline)
    assert swept(pipeline) == []
    pipeline.run(HOUR)
    pipeline.run_models(HOUR)
    assert pipeline.rows("select meter, hours_changed from fridge.signed_figures") == [(READINGS, 0)]
    assert pipeline.failing_tests() == set()
    pipeline.land(HOUR, "late.csv", readings("cohoes", HOUR, 1, 5, start=7))
    pipeline.run(HOUR)
    pipeline.run_models(HOUR)
    assert pipeline.rows("select meter, change_in_usage, cause from fridge.signed_changes") == [
        (READINGS, 5, "late_file")
    ]
