"""The day of the switch: hours before it are never stated, hours from it on are stated once, and the books say so."""

from __future__ import annotations

from collections import defaultdict

import pytest

from fridge_pipeline.billing.open_stripe import EarlierStartError, HoursBilledElsewhereError
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.installation import BillingStartDiffersError, open_ledger
from fridge_pipeline.reconciliation.reconciliation_record import days_to_reconcile
from fridge_pipeline.settings import read_settings
from tests.console_script import Run
from tests.pipeline import readings
from tests.reconciliation.shadow.conftest import BOTH_WAYS, READINGS, TENANTS, Books


def late_file(books: Books) -> None:
    for hour in (books.first, books.last):
        books.pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 4, start=9))


def withdrawal(books: Books) -> None:
    line, zone = books.pipeline, LocalLanding(str(books.pipeline.landing))
    for hour in (books.first, books.last):
        withdraw_file(line.database, zone, f"{hour.folder}/a.csv", "test bench", "ada", line.clock)


def late_mapping(books: Books) -> None:
    for hour in (books.first, books.last):
        books.pipeline.land(hour, "new.csv", readings("dale", hour, 1, 6))
    books.run()
    books.pipeline.add_tenant("dale")


def another_customer(books: Books) -> None:
    books.pipeline.customers["cohoes, before"] = books.pipeline.customers["cohoes"]
    books.pipeline.add_tenant("cohoes")


def materialized_again(books: Books) -> None:
    books.pipeline.count(books.first, books.last)
    books.pipeline.bill(books.first, books.last)


def a_detour(books: Books) -> None:
    """Back to shadow mode, and on again."""
    switch = books.first.plus(3)
    books.bill_from(None)
    books.run()
    books.bill_from(switch)


EVENTS = (late_file, late_mapping, another_customer, materialized_again, a_detour, withdrawal)


@BOTH_WAYS
def test_after_the_switch_no_earlier_hour_is_ever_stated_and_each_later_one_once_whatever_happens(books: Books) -> None:
    books.land()
    books.run()
    switch = books.first.plus(3)
    books.bill_from(switch)
    assert books.swept() == [switch, switch.plus(1), switch.plus(2)]
    for event in (materialized_again, *EVENTS):
        event(books)
        books.run()  # a backfill over everything
        assert books.pipeline.one("select min(hour) from fridge.meter_events") == switch.start
        due = {key: inserted for key, (inserted, _) in books.pipeline.usage().items() if key[1] >= switch.key}
        assert stated(books) == due, event.__name__
        assert (books.exceptions(), books.swept()) == ([], []), event.__name__


def stated(books: Books) -> dict[tuple[str, str], int]:
    """(tenant, hour key) → readings that Stripe counts, whichever of the tenant's customers has them."""
    tenants = {customer: name.removesuffix(", before") for name, customer in books.pipeline.customers.items()}
    found: dict[tuple[str, str], int] = defaultdict(int)
    for row in books.pipeline.sandbox.usage()["data"]:
        if row["event_name"] == READINGS and row["value"]:
            found[tenants[row["customer"]], row["hour"]] += row["value"]
    return dict(found)


def test_the_books_explain_the_hours_of_the_worker_and_reconciling_them_takes_no_reads(worker_books: Books) -> None:
    books, line = worker_books, worker_books.pipeline
    switch = books.first.plus(3)
    books.land()
    for tenant in TENANTS:
        for number in range(3):
            books.work(tenant, books.first.plus(number), 2 * (5 + number) + (number == 1))
    books.run()
    with line.database.connect() as connection:
        assert days_to_reconcile(connection, books.days, line.catalogue) == []
    books.bill_from(switch)
    books.run()
    line.advance(hours=7)
    with line.database.connect() as connection:
        assert days_to_reconcile(connection, books.days, line.catalogue) == [books.days.first]
    line.reconcile(books.days)
    causes = "select cause, count(*) from fridge.stripe_reconciliation where hour is not null group by cause"
    assert line.rows(causes) == [("not_billed", 6)]
    assert books.exceptions() == []
    line.run_models(books.first, books.last)
    found = line.rows(
        "select hour, status, cause, usage_quantity, stated_quantity, stripe_quantity from fridge.tie_out"
        " where tenant_id = 'troy' and meter = %s order by hour",
        READINGS,
    )
    assert [(Hour(hour).key, *rest) for hour, *rest in found] == [
        (books.first.key, "explained", "not_billed", 10, None, 10),
        (books.first.plus(1).key, "explained", "not_billed", 12, None, 13),
        (books.first.plus(2).key, "explained", "not_billed", 14, None, 14),
        (switch.key, "tied", None, 16, 16, 16),
        (switch.plus(1).key, "tied", None, 18, 18, 18),
        (switch.plus(2).key, "tied", None, 20, 20, 20),
    ]
    assert line.failing_tests() == set()


def test_what_is_stated_twice_after_the_switch_is_still_found(worker_books: Books) -> None:
    books, line = worker_books, worker_books.pipeline
    switch = books.first.plus(3)
    books.bill_from(switch)
    books.land()
    books.run()
    books.work("troy", switch, 16)  # the worker was not stopped in time
    line.advance(hours=7)
    line.reconcile(books.days)
    assert books.exceptions() == [("unexplained", "troy", switch.key)]


def test_a_start_before_hours_that_the_worker_was_seen_to_bill_is_refused_and_nothing_is_stated(books: Books) -> None:
    books.land()
    books.run()
    seen = books.first.plus(2)
    books.work("cohoes", seen, 14)
    books.compare()
    with pytest.raises(HoursBilledElsewhereError, match=f"usage of 1 hours from {seen} to {seen}"):
        books.bill_from(books.first)
    books.run()
    assert len(books.posts()) == 1  # the worker's own
    books.bill_from(seen.plus(1))
    books.run()
    books.bill_from(None)
    books.compare()  # what Stripe shows of our own hours is no other system's
    books.bill_from(seen.plus(1))
    assert stated(books).keys() == {("cohoes", seen.key)} | {
        (tenant, seen.plus(later).key) for tenant in TENANTS for later in (1, 2, 3)
    }


def test_the_start_moves_forward_only_and_from_shadow_mode_to_any_hour(books: Books) -> None:
    books.bill_from(books.first.plus(3))
    with pytest.raises(EarlierStartError, match=f"usage is stated from {books.first.plus(3)} on"):
        books.bill_from(books.first.plus(2))
    books.bill_from(books.first.plus(4))
    books.bill_from(None)
    books.bill_from(books.first.plus(2))
    assert books.swept() == []


def test_who_only_looks_moves_no_start_and_a_run_with_another_setting_does_nothing(run: Run, books: Books) -> None:
    books.bill_from(books.last)
    early = books.first.key
    for command in (("doctor",), ("explain", "cohoes", early), ("bill", "--from", early, "--to", early, "--dry-run")):
        run(*command, FRIDGE_BILL_FROM=early)
    starts = books.pipeline.rows("select bill_from from fridge.billing_starts where isfinite(bill_from)")
    assert [str(start) for (start,) in starts] == [str(books.last.start)]
    refused = run("bill", "--from", early, "--to", early, FRIDGE_BILL_FROM=early)
    assert (refused.returncode, "would be billed twice" in refused.stderr) == (1, True), refused.stderr
    environment = {"FRIDGE_DATABASE_URL": books.pipeline.database.dsn, "FRIDGE_HOME": str(books.pipeline.workspace)}
    with (
        open_ledger(read_settings({**environment, "FRIDGE_BILL_FROM": early})) as stale,
        pytest.raises(BillingStartDiffersError, match=f"{early} in this process, and the books say {books.last}"),
    ):
        stale.require_agreed_start()
