from __future__ import annotations

import json
from datetime import datetime

from fridge_pipeline.adapters.landing.local import LocalLanding
from fridge_pipeline.domain.hour import Hour
from fridge_pipeline.domain.meter import Formula, Measure, Meter, Window
from fridge_pipeline.steps.withdraw import withdraw_file
from tests.cli.conftest import Run
from tests.pipeline import Pipeline, readings

RAW = (Meter("raw_readings", "Readings", Measure.INSERTED_COUNT, Formula.SUM, Window.NONE),)


def test_explain_shows_files_usage_statements_and_receipts(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    customer = pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 3, 5))
    pipeline.run(hour)
    text = run("explain", "cohoes", hour.key).stdout
    assert "b.csv (loaded): 15 rows = 5 inserted + 10 duplicates + 0 rejected" in text
    assert "inserted_count: 15" in text
    assert f"temperature_readings revision 1: 15, accepted [temperature_readings:cohoes:{hour.compact}:r1]" in text
    assert f"for {customer}" in text
    assert "HTTP 200, request req_" in text
    told = json.loads(run("explain", "cohoes", hour.key, "--json").stdout)
    assert (told["inserted_count"], told["active_sensors"], len(told["files"]), len(told["statements"])) == (
        15,
        3,
        2,
        2,
    )
    nothing = run("explain", "nobody", hour.key).stdout
    assert "inserted_count: none" in nothing, "missing is not zero"


def test_explain_shows_every_attempt_with_its_answer_and_what_was_read_back(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """A first try that got no answer, then 21 hours of silence: Stripe is read back, which settles it."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.sandbox.faults({"kind": "drop_after", "endpoint": "/v1/billing/meter_events", "times": 50})
    pipeline.run(hour)
    pipeline.run(hour)
    pipeline.sandbox.clear_faults()
    pipeline.clock.advance(hours=21)
    pipeline.run(hour)

    text = run("explain", "cohoes", hour.key).stdout
    told = json.loads(run("explain", "cohoes", hour.key, "--json").stdout)
    assert text.count("    attempt 1 at ") == text.count("    attempt 2 at ") == 2, text
    assert "undecided after" in text
    assert text.count("Stripe showed 10 for the hour, where it has 0 without it and 10 with it: counted") == 1
    assert text.count("Stripe showed 2 for the hour, where it has 0 without it and 2 with it: counted") == 1
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["undecided"] * 4
    assert [(each["value_seen"], each["verdict"]) for each in told["readbacks"]] == [(2, "counted"), (10, "counted")]


def test_explain_shows_the_withdrawal_of_a_file_and_the_cancellation_that_followed(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.catalogue = RAW
    pipeline.gateway.create_meter(RAW[0])
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 1, 5, start=5))
    pipeline.run(hour)
    pipeline.clock.advance(minutes=1)
    path = f"{hour.folder}/a.csv"
    withdraw_file(pipeline.database, LocalLanding(pipeline.landing), path, "test bench", "ada", pipeline.clock)
    pipeline.clock.advance(minutes=1)
    pipeline.run(hour)

    lines = run("explain", "cohoes", hour.key).stdout.splitlines()
    file = next(number for number, line in enumerate(lines) if path in line)
    assert lines[file + 1].startswith("    withdrawn at ")
    assert lines[file + 1].endswith("UTC by ada, so none of it is usage: test bench")
    assert "  inserted_count: 5" in lines
    first = next(
        number for number, line in enumerate(lines) if "raw_readings revision 1: +15 to what was stated" in line
    )
    assert lines[first + 1].startswith("    attempt 1 at ")
    assert "accepted in 0." in lines[first + 1]
    assert lines[first + 2].startswith("    cancellation: accepted; staged ")
    assert "raw_readings revision 2: +5 to what was stated, accepted" in lines[first + 3]
    told = json.loads(run("explain", "cohoes", hour.key, "--json").stdout)
    assert [file["withdrawal_reason"] for file in told["files"]] == ["test bench", None]
    assert [each["status"] for each in told["cancellations"]] == ["accepted"]
