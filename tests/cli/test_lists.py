"""``fridge exceptions``, ``fridge hours`` and ``fridge tenants list`` say what the books say, and change nothing."""

from __future__ import annotations

import json
from datetime import datetime

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.pipeline import Pipeline, readings


def test_exceptions_are_listed_by_kind_tenant_and_month(run: Run, pipeline: Pipeline, two_days_ago: datetime) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    rows = [*readings("cohoes", hour, 2, 5), *readings("nobody", hour, 1, 3)]
    pipeline.land(hour, "a.csv", rows)
    pipeline.land(hour, "b.parquet", b"this is no parquet file")
    pipeline.run(hour)
    month = Month.containing(hour.start)

    found = json.loads(run("exceptions", "--json").stdout)
    assert {(each["kind"], each["tenant_id"], each["subject"], each["owed"]) for each in found} >= {
        ("unmapped", "nobody", "temperature_readings", 3),
        ("unmapped", "nobody", "active_sensors", 1),
    }
    assert len(found) == pipeline.one("select count(*) from fridge.open_exceptions") > 2
    assert {each["hour"] for each in found} == {hour.key}
    deadlines = [each["deadline_at"] for each in found]
    assert deadlines == sorted(deadlines)

    for narrowed, number in (
        (("--kind", "unmapped"), 2),
        (("--tenant", "nobody", "--month", month.key), 2),
        (("--tenant", "cohoes"), 0),
        (("--kind", "unmapped", "--month", month.before.key), 0),
    ):
        assert len(json.loads(run("exceptions", *narrowed, "--json").stdout)) == number, narrowed

    shown = run("exceptions", "--kind", "unmapped")
    head, *lines = shown.stdout.splitlines()
    assert (head.split()[:5], len(lines)) == (["ID", "KIND", "TENANT", "HOUR", "OWED"], 2)
    assert lines[0].split()[1:4] == ["unmapped", "nobody", hour.key]
    assert "2 open exceptions" in shown.stderr
    wrong = run("exceptions", "--kind", "lost")
    assert (wrong.returncode, "'unmapped'" in wrong.stderr) == (2, True)


def test_hours_are_listed_with_what_came_what_is_stated_and_what_waits(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    delivered, excepted, loaded, counted = (first.plus(step) for step in range(4))
    span = ("--from", first.key, "--to", first.plus(5).key)
    pipeline.add_tenant_with_readings("cohoes", delivered, 2, 5)
    pipeline.land(excepted, "a.csv", readings("nobody", excepted, 1, 3))
    pipeline.run(first, excepted)
    pipeline.land(loaded, "a.csv", readings("cohoes", loaded, 1, 4))
    pipeline.land(counted, "a.csv", readings("cohoes", counted, 3, 2))
    pipeline.load(loaded, counted)
    pipeline.count(counted)

    before = pipeline.one("select count(*) from fridge.marked_hours")
    found = {each.pop("hour"): each for each in json.loads(run("hours", *span, "--json").stdout)}
    numbers = ("files", "inserted", "tenants", "accepted", "under_way", "unstated", "exceptions", "is_to_count")
    assert {hour: (tuple(each[name] for name in numbers), each["delivery"]) for hour, each in found.items()} == {
        delivered.key: ((1, 10, 1, 2, 0, 0, 0, False), "delivered"),
        excepted.key: ((1, 3, 1, 0, 0, 0, 2, False), "excepted"),
        loaded.key: ((1, 4, 0, 0, 0, 0, 0, True), "undelivered"),
        counted.key: ((1, 6, 1, 0, 0, 2, 0, False), "undelivered"),
    }
    assert pipeline.one("select count(*) from fridge.marked_hours") == before, "whoever looks sweeps nothing"

    shown = run("hours", "--undelivered")
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["HOUR", loaded.key, counted.key]
    assert "2 hours of" in shown.stderr
    assert run("hours", "--from", first.plus(4).key, "--to", first.plus(5).key).stdout == ""
    months = {Month.containing(each.start).key for each in (delivered, counted)}
    listed = [each for month in sorted(months) for each in json.loads(run("hours", "--month", month, "--json").stdout)]
    assert [each["hour"] for each in listed] == sorted(found)
    both = run("hours", "--month", "2026-01", "--from", first.key)
    assert (both.returncode, "not both" in both.stderr) == (2, True)


def test_hours_before_the_billing_start_are_not_called_undelivered(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.load(hour)
    pipeline.count(hour)
    pipeline.rows(
        "insert into fridge.billing_starts (bill_from, set_at) values (%s, now()) returning 1", hour.plus(1).start
    )
    (state,) = json.loads(run("hours", "--from", hour.key, "--to", hour.key, "--json").stdout)
    assert (state["delivery"], state["inserted"], state["accepted"]) == ("not billed", 10, 0)
    assert run("hours", "--undelivered").stdout == ""


def test_tenants_are_listed_with_their_customers_and_what_waits_for_one(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    customer = pipeline.add_tenant("cohoes")
    for step, tenant in enumerate(("cohoes", "nobody", "nobody")):
        pipeline.land(hour.plus(step), "a.csv", readings(tenant, hour.plus(step), 1, 2))
    pipeline.run(hour, hour.plus(2))
    pipeline.run_models(hour, hour.plus(2))

    found = {each["tenant_id"]: each for each in json.loads(run("tenants", "list", "--json").stdout)}
    assert found.keys() == {"cohoes", "nobody"}
    columns = ("stripe_customer_id", "is_imported", "last_hour", "hours_waiting")
    assert [found["cohoes"][name] for name in columns] == [customer, True, hour.key, 0]
    assert [found["nobody"][name] for name in columns] == [None, False, hour.plus(2).key, 2]
    assert found["cohoes"]["bill_until"] is None
    shown = run("tenants", "list", "--unmapped").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["TENANT", "nobody"]
    assert "not imported" in shown[1]
