from __future__ import annotations

import json
import re
from datetime import datetime

from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.pipeline import Pipeline


def test_models_are_run_for_the_hours_that_are_named_and_an_edited_usage_row_then_fails_their_tests(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.run(hour)

    made = json.loads(run("sql", "run", "--from", hour.key, "--to", hour.key, "--json").stdout)
    assert (made["sensor_hours"], made["usage_hourly"], made["billing_ledger"]) == (2, 2, 2)
    good = run("sql", "test")
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.strip().endswith("tests hold")

    pipeline.rows("update fridge.usage set quantity = 12 where measure = 'inserted_count' returning 1")
    bad = run("sql", "test")
    assert bad.returncode == 1
    assert "FAILS  usage_hourly.usage_is_what_sql_counts_too" in bad.stdout
    assert "usage_quantity=12, derived_quantity=10, amount=2" in bad.stdout
    told = {test["test"]: test for test in json.loads(run("sql", "test", "tie_out", "--json").stdout)}
    assert not told["nothing_is_unexplained"]["holds"]
    assert told["unique"]["holds"]


def test_a_model_that_does_not_exist_and_half_a_range_are_usage_errors(run: Run) -> None:
    unknown = run("sql", "run", "usage_yearly")
    assert unknown.returncode == 2
    assert re.search(r"no model usage_yearly; there are .*\bbilling_ledger, ", unknown.stderr)
    half = run("sql", "run", "--from", "2026-01-24-18:00")
    assert (half.returncode, "give both --from and --to" in half.stderr) == (2, True)
