"""The comparison with what a fire-and-forget worker has stated names each hour in which it went wrong."""

from __future__ import annotations

import csv
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.main import fridge
from fridge_pipeline.cli.shadow import as_text
from fridge_pipeline.reconciliation.compare_shadow import EveryHourBilledError, ShadowComparison
from fridge_pipeline.reconciliation.reconciliation_report import ReconciliationReport
from fridge_pipeline.reconciliation.rules.causes import ComparedHour
from fridge_pipeline.reconciliation.rules.reading_plan import Accounts, Reading, plan_reads
from tests.pipeline import readings
from tests.reconciliation.shadow.conftest import READINGS, TENANTS, Books

#: What the worker sent of a tenant's hour (after the first) instead of what it holds: twice after a timeout, or never.
SENT_TWICE = {("cohoes", 1), ("troy", 4)}
LOST = {("cohoes", 3), ("cohoes", 5), ("troy", 0)}

PLAN = plan_reads(Accounts(with_usage=4, without_usage=0, due=0), 1, 9_000, 9_000, Reading.SHADOW)


def let_the_worker_run(books: Books) -> None:
    """One event per file and tenant; a retry after a timeout has another identifier, so Stripe counts both."""
    for number in range(6):
        for tenant in TENANTS:
            times = 2 if (tenant, number) in SENT_TWICE else 0 if (tenant, number) in LOST else 1
            for _ in range(times):
                books.work(tenant, books.first.plus(number), 2 * (5 + number))


def named(books: Books, hours: set[tuple[str, int]]) -> set[tuple[str, str]]:
    return {(tenant, books.first.plus(number).key) for tenant, number in hours}


def test_it_names_the_hours_that_were_sent_twice_and_those_that_were_lost_and_no_others(worker_books: Books) -> None:
    books = worker_books
    books.land()
    books.run()
    let_the_worker_run(books)
    sent = len(books.posts())
    compared = books.compare()
    assert len(compared.hours) == 12
    too_much = {(each.tenant_id, each.hour.key) for each in compared.hours if each.difference > 0}
    too_little = {(each.tenant_id, each.hour.key) for each in compared.hours if each.difference < 0}
    assert (too_much, too_little) == (named(books, SENT_TWICE), named(books, LOST))
    assert all(each.difference in {0, each.usage, -(each.usage or 0)} for each in compared.hours)
    assert (len(books.posts()), books.exceptions()) == (sent, [])


def test_usage_that_only_the_worker_knows_and_a_tenant_without_customer_stand_in_it_too(worker_books: Books) -> None:
    books, line = worker_books, worker_books.pipeline
    books.land(tenants=("cohoes",))
    line.land(books.first, "new.csv", readings("dale", books.first, 1, 6))
    books.run()
    let_the_worker_run(books)
    found = {(each.tenant_id, each.hour.key): each for each in books.compare().hours}
    only_theirs, unmapped = found["troy", books.first.plus(4).key], found["dale", books.first.key]
    assert (only_theirs.usage, only_theirs.stripe) == (None, Decimal(36))
    assert (unmapped.stripe_customer_id, unmapped.usage, unmapped.stripe) == (None, 6, None)


def test_it_keeps_to_the_reads_that_a_month_holds_and_says_who_was_not_read(worker_books: Books) -> None:
    books = worker_books
    books.land()
    books.run()
    compared = books.compare(reads_max=1)
    assert {each.tenant_id for each in compared.hours} == {"cohoes"}
    assert compared.reading.customers_not_read == {"the reads that Stripe allows in a month are used up": 1}
    assert books.pipeline.one("select sum(reads) from fridge.stripe_reads") == 1


def test_without_being_asked_nothing_of_unstated_books_is_read(worker_books: Books) -> None:
    line = worker_books.pipeline
    worker_books.land()
    worker_books.run()
    report = line.reconcile(worker_books.days)
    assert report.reads == 0


def test_days_that_are_billed_are_not_compared(worker_books: Books) -> None:
    worker_books.bill_from(worker_books.first)
    assert worker_books.compare().hours == []  # the hours of the day before the first one held nothing
    worker_books.bill_from(None)
    worker_books.bill_from(worker_books.first.plus(-24))
    with pytest.raises(EveryHourBilledError, match="compared by the daily reconciliation"):
        worker_books.compare()


def test_a_comparison_of_nothing_or_of_a_part_says_so() -> None:
    nothing = ShadowComparison([], ReconciliationReport(PLAN))
    assert as_text(nothing, is_settled=True) == "nothing of these days is compared with Stripe yet; 0 reads"
    hour = ComparedHour("cohoes", READINGS, "cus_1", Hour.from_key("2026-01-24-18:00"), 5, Decimal(5))
    partly = ReconciliationReport(PLAN, 1, 1, Counter({"the reads are used up": 3}))
    assert as_text(ShadowComparison([hour], partly), is_settled=True).splitlines()[1:] == [
        "1 tenant-hours compared, 0 differ; 1 reads",
        "1 of 4 accounts compared with Stripe",
        "3 accounts not compared with Stripe yet: the reads are used up",
    ]


def test_the_command_shows_totals_and_differing_hours_and_writes_all_of_them(
    worker_books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = worker_books
    meters = tmp_path / "meters.toml"
    meters.write_text(
        '[[meter]]\nevent_name = "temperature_readings"\ndisplay_name = "Readings"\nmeasure = "inserted_count"\n'
        'formula = "sum"\nwindow = "none"\n'
    )
    for name, value in {
        "FRIDGE_METERS": str(meters),
        "FRIDGE_HOME": str(tmp_path / "home"),
        "FRIDGE_DATABASE_URL": books.pipeline.database.dsn,
        "STRIPE_API_BASE": books.pipeline.sandbox.url,
    }.items():
        monkeypatch.setenv(name, value)
    books.land()
    books.run()
    let_the_worker_run(books)
    day, file = books.days.first.isoformat(), tmp_path / "compared.csv"
    text = CliRunner().invoke(fridge, ["shadow", "--from", day, "--to", day, "--csv", str(file)])
    customer, lost = books.pipeline.customers["troy"], books.first
    assert text.exit_code == 1
    assert f"troy {READINGS} ({customer}): 90 counted, 98 in Stripe, +8; 2 of 6 hours differ" in text.output
    assert f"  {lost}: 10 counted, 0 in Stripe (-10)\n  {lost.plus(4)}: 18 counted, 36 in Stripe (+18)" in text.output
    assert "12 tenant-hours compared, 5 differ" in text.output
    with file.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["tenant_id"], row["hour"]) for row in rows if row["difference"] != "0"] == sorted(
        named(books, SENT_TWICE | LOST)
    )
    as_json = json.loads(CliRunner().invoke(fridge, ["shadow", "--from", day, "--to", day, "--json"]).output)
    assert len(as_json["hours"]) == 12
    assert [(each["tenant_id"], each["difference"]) for each in as_json["totals"]] == [("cohoes", -24), ("troy", 8)]
    for tenant, number in LOST:  # what was lost is sent after all; the doubles of the same size stay
        books.work(tenant, Hour(books.first.plus(number).start), 2 * (5 + number))
    assert "2 differ" in CliRunner().invoke(fridge, ["shadow", "--from", day, "--to", day]).output
