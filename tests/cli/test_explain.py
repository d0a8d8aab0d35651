from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.measure import INSERTED_COUNT
from fridge_pipeline.catalogue.meter import Formula, Meter, Window
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.finance.explain_hour import explain_hour
from fridge_pipeline.ingest.landing.local import LocalLanding
from tests.console_script import Run
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

RAW = (Meter("raw_readings", "Readings", INSERTED_COUNT, Formula.SUM, Window.NONE),)


def test_explain_shows_files_usage_statements_and_receipts(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    customer = pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
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
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
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
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
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
    assert lines[file + 1].endswith("UTC by fridge (ada), so none of it is usage: test bench")
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


def test_explain_shows_what_became_of_each_of_the_tenants_rows_in_every_file_that_holds_any(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """A file of duplicates only and one of rejected rows only are shown; one without rows of the tenant is not."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    hot = [("cohoes", "s7", hour.start, 900.0)] * 22 + [("", "s7", hour.start, 4.5)]
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5) + readings("troy", hour, 1, 3))
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 2, 5))
    pipeline.land(hour, "c.csv", hot)
    pipeline.land(hour, "d.csv", readings("troy", hour, 1, 3))
    pipeline.run(hour)

    text = run("explain", "cohoes", hour.key).stdout
    told = json.loads(run("explain", "cohoes", hour.key, "--json").stdout)
    assert "a.csv (loaded): 13 rows = 13 inserted + 0 duplicates + 0 rejected; of this tenant 10 rows = 10 " in text
    assert "b.csv (loaded): 10 rows = 0 inserted + 10 duplicates + 0 rejected; of this tenant 10 rows = 0 " in text
    assert "of this tenant 22 rows = 0 inserted from 0 sensors + 0 duplicates + 22 rejected" in text
    assert "    line 2 rejected: temperature out of range\n" in text
    assert text.count("rejected: temperature out of range") == 20
    assert "    and 2 more rejected; fridge.rejected_readings has the first 10,000 of each file" in text
    assert "  1 other files of the hour hold no rows of this tenant" in text
    assert "  1 rejected rows of the hour's files do not say readably whose they are" in text
    assert "not billed yet" not in text
    counts = ("tenant_row_count", "tenant_inserted_count", "tenant_duplicate_count", "tenant_rejected_count")
    assert [tuple(file[name] for name in counts) for file in told["files"]] == [
        (10, 10, 0, 0),
        (10, 0, 10, 0),
        (22, 0, 0, 22),
        (0, 0, 0, 0),
    ]
    assert [row["line"] for row in told["rejected"]] == list(range(2, 22))


def test_explain_says_what_is_not_recorded_of_a_file_that_was_loaded_before_rows_were_counted_by_tenant(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 2, 5))
    pipeline.load(hour)
    with pipeline.database.owned.connect() as connection:
        for before, after in (("disable", "grant"), ("enable", "revoke")):
            connection.execute(f"alter table fridge.landing_file_tenants {before} trigger all")
            connection.execute(
                f"{after} delete on fridge.landing_file_tenants {'to' if after == 'grant' else 'from'} current_user"
            )
            if after == "grant":
                connection.execute("delete from fridge.landing_file_tenants")

    text = run("explain", "cohoes", hour.key).stdout
    told = json.loads(run("explain", "cohoes", hour.key, "--json").stdout)
    assert "of this tenant 10 inserted from 2 sensors, and what became of its other rows is not recorded" in text
    assert "1 files stored nothing of this tenant; whether they held other rows of it is not recorded" in text
    assert [(file["tenant_inserted_count"], file["tenant_duplicate_count"]) for file in told["files"]] == [
        (10, None),
        (0, None),
    ], "missing is not zero"


def test_explain_says_plainly_that_an_open_hour_is_not_billed_and_when_it_closes(
    run: Run, two_days_ago: datetime
) -> None:
    hour = Hour.containing(datetime.now(UTC))
    closes = f"{hour.end + timedelta(minutes=30):%F %T} UTC"
    text = run("explain", "cohoes", hour.key, FRIDGE_CLOSE_AFTER_MINUTES="30").stdout
    assert f"not billed yet: the hour closes at {closes}" in text
    told = json.loads(run("explain", "cohoes", Hour(two_days_ago).key, "--json").stdout)
    assert told["is_open"] is False
    assert told["stripe"] == []


def test_explain_shows_stripes_sum_as_it_was_read_last_and_reads_it_when_told_to(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    customer = pipeline.add_tenant("cohoes")

    def sums(*options: str) -> list[tuple[object, ...]]:
        told = json.loads(run("explain", "cohoes", hour.key, "--json", *options).stdout)
        return [(row["event_name"], row["value"], row["source"]) for row in told["stripe"]]

    assert sums("--read-stripe") == [("active_sensors", None, "not read"), ("temperature_readings", None, "not read")]
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 2, 5))
    pipeline.run(hour)
    assert f"temperature_readings for {customer}: not read so far" in run("explain", "cohoes", hour.key).stdout
    pipeline.clock.advance(hours=7)
    reconcile(pipeline, hour)
    read = "reconciliation"
    assert sums() == [("active_sensors", 2, read), ("temperature_readings", 10, read)]

    pipeline.sandbox.faults({"kind": "swallow", "event_name": "temperature_readings"})
    pipeline.clock.advance(hours=1)
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 2, 5, start=1))
    pipeline.run(hour)
    outdated = "before the ledger changed"
    assert sums() == [("active_sensors", 2, outdated), ("temperature_readings", 10, outdated)]
    assert pipeline.one("select count(*) from fridge.stripe_reads where purpose = 'explanation'") == 0
    assert sums("--read-stripe") == [("active_sensors", 3, "read now"), ("temperature_readings", 10, "read now")]
    assert pipeline.one("select sum(reads)::int from fridge.stripe_reads where purpose = 'explanation'") == 2
    told = run("explain", "cohoes", hour.key, "--read-stripe").stdout
    assert "(read now); -5 to the 15 that Stripe accepted\n" in told
    assert re.search(
        r"active_sensors for \S+: 3, read .* \(read now\); \+1 to the 2 of 20\d\d-\d\d-\d\d \d\d:\d\d UTC\n", told
    )

    pipeline.clock.advance(hours=7)
    reconcile(pipeline, hour)
    assert sums() == [("active_sensors", 3, read), ("temperature_readings", 10, read)]


def test_explain_reads_no_more_of_stripe_than_a_month_allows_and_says_so(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.run(hour)
    explanation = explain_hour(pipeline.as_run(), lambda: pipeline.gateway, "cohoes", hour, CLOSE_AFTER, reads_max=1)
    assert [(row["value"], row["detail"]) for row in explanation.stripe] == [
        (2, None),
        (None, "not read now: the reads that Stripe allows in a month are used up"),
    ]


def reconcile(pipeline: Pipeline, hour: Hour) -> None:
    """Runs the reconciliation of the hour's day."""
    days = DayRange(day_of(hour), day_of(hour))
    pipeline.reconcile(days)
