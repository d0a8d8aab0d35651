"""Usage, ledger and Stripe side by side: each cause with real numbers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fridge_pipeline.billing.review import release_usage
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.reconciliation import compare_account
from fridge_pipeline.stripe.reads import Grouping, summed_usage
from tests.pipeline import ProcessDied, dies_after, readings
from tests.reconciliation.books import READINGS, SENSORS, Books

HOUR = 3_600


def test_books_that_agree_have_one_row_a_day_and_no_cause(books: Books) -> None:
    for step in range(3):
        books.use(books.first.plus(step), 10 + step, sensors=2)
    report = books.reconcile()
    assert (report.customers_read, sum(report.customers_not_read.values())) == (2, 0)
    assert books.day_rows() == [(66, 66, 66, 0, None)]
    assert books.day_rows(SENSORS) == [(6, 6, 6, 0, None)]
    assert books.hour_rows() == []
    assert books.exceptions() == []


def test_an_event_that_stripe_lost_lags_at_first_and_is_unexplained_once_summaries_have_settled(books: Books) -> None:
    """Nobody reported it: only Stripe's totals show it. The drill-down names exactly its hour."""
    books.use(books.first, 10)
    lost = books.first.plus(1)
    books.pipeline.sandbox.faults({"kind": "swallow", "event_name": READINGS})
    books.use(lost, 7)
    books.reconcile()
    assert books.day_rows() == [(17, 17, 10, -7, "lagging")]
    assert books.hour_rows() == [(lost.key, 7, 7, 0, "lagging")]
    assert books.exceptions() == []
    books.pipeline.clock.advance(hours=7)
    books.reconcile()
    assert books.day_rows() == [(17, 17, 10, -7, "unexplained")]
    assert books.hour_rows() == [(lost.key, 7, 7, 0, "unexplained")]
    assert books.exceptions() == [("unexplained", lost.key, READINGS)]
    detail = books.pipeline.one("select detail from fridge.exceptions")
    assert "Usage is 7 temperature_readings, the accepted statements come to 7" in detail
    assert "Stripe shows 0: 7 too little" in detail


def test_an_unexplained_hour_is_stated_anew_as_the_runbook_says_and_its_exception_closes_by_itself(
    books: Books,
) -> None:
    books.pipeline.sandbox.faults({"kind": "swallow", "event_name": READINGS})
    books.use(books.first, 7)
    books.pipeline.clock.advance(hours=7)
    books.reconcile()
    with books.pipeline.database.connect() as connection:
        connection.execute(
            "update fridge.meter_events set status = 'refused' where identifier = %s and status = 'accepted'",
            [f"{READINGS}:cohoes:{books.first.compact}:r1"],
        )
    books.pipeline.bill(books.first)
    assert books.exceptions() == [("unexplained", books.first.key, READINGS)]
    books.reconcile()
    assert books.day_rows() == [(7, 7, 7, 0, None)]
    assert books.exceptions() == []
    assert books.pipeline.stripe_totals("cohoes")[READINGS, books.first.key] == 7


def test_too_much_in_stripe_is_no_lag_and_is_unexplained_at_once(raw_books: Books) -> None:
    raw_books.pipeline.sandbox.faults({"kind": "count_twice", "event_name": READINGS})
    raw_books.use(raw_books.first, 10)
    raw_books.use(raw_books.first.plus(1), 5)
    raw_books.reconcile()
    assert raw_books.day_rows() == [(15, 15, 25, 10, "unexplained")]
    assert raw_books.hour_rows() == [(raw_books.first.key, 10, 10, 20, "unexplained")]
    assert "10 too much" in raw_books.pipeline.one("select detail from fridge.exceptions")


def test_usage_that_somebody_else_stated_for_the_customer_is_unexplained(raw_books: Books) -> None:
    line = raw_books.pipeline
    raw_books.use(raw_books.first, 10)
    stranger = raw_books.first.plus(3)
    line.sandbox.client().v1.billing.meter_events.create(
        {
            "event_name": READINGS,
            "timestamp": int(stranger.start.timestamp()) + 60,
            "payload": {"stripe_customer_id": line.customers["cohoes"], "value": "4"},
        }
    )
    raw_books.reconcile()
    assert raw_books.hour_rows() == [(stranger.key, None, None, 4, "not_stated_by_us")]
    assert raw_books.day_rows() == [(10, 10, 14, 4, "not_stated_by_us")]


@pytest.mark.parametrize("restated", [12, 8])
def test_lag_is_not_mistaken_for_loss_nor_for_too_much(books: Books, restated: int) -> None:
    """Summaries still show the revision before the newest one; later they show that, and nothing was opened."""
    books.use(books.first, 5)
    books.pipeline.sandbox.set_clock(advance_seconds=2 * HOUR)
    books.pipeline.sandbox.settings(lag_seconds=HOUR)
    with books.pipeline.database.connect() as connection:
        connection.execute("update fridge.usage set quantity = %s where measure = 'inserted_count'", [restated])
        connection.execute("delete from fridge.counted_hours")  # else it would be a contradiction
    books.pipeline.bill(books.first)
    books.reconcile()
    assert books.day_rows() == [(restated, restated, 5, 5 - restated, "lagging")]
    books.pipeline.sandbox.set_clock(advance_seconds=HOUR + 1)
    books.reconcile()
    assert books.day_rows() == [(restated, restated, restated, 0, None)]
    assert books.exceptions() == []


def test_what_is_restated_while_another_day_is_read_by_the_hour_does_not_look_like_a_difference(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each day's row holds what was true when that day was read."""
    books.use(books.first, 10)
    before = books.first.plus(-24)
    books.pipeline.sandbox.faults({"kind": "swallow", "event_name": READINGS})
    books.use(before, 3)
    books.pipeline.clock.advance(hours=7)
    read = summed_usage

    def restated_meanwhile(*arguments: Any) -> Any:
        if Grouping.HOUR in arguments:
            books.use(books.first, 12, name="late.csv")
        return read(*arguments)

    monkeypatch.setattr(compare_account, "summed_usage", restated_meanwhile)
    days = DayRange(day_of(before.plus(-72)), day_of(books.first))  # too many for one read of their hours
    books.reconcile(days, reads_max=3)  # and too few reads for every hour of both meters
    assert books.day_rows() == [(3, 3, 0, -3, "unexplained"), (10, 10, 10, 0, None)]
    monkeypatch.undo()
    books.reconcile(days)
    usage = books.pipeline.one("select inserted_count from fridge.inserted_counts where hour = %s", books.first.start)
    assert usage > 10
    assert books.day_rows()[1] == (usage, usage, usage, 0, None)


def test_what_is_sent_and_not_answered_is_in_flight_whatever_stripe_shows(books: Books) -> None:
    books.pipeline.land(books.first, "a.csv", readings("cohoes", books.first, 1, 10))
    books.pipeline.load(books.first)
    books.pipeline.count(books.first)
    with pytest.raises(ProcessDied):
        books.pipeline.bill(books.first, at_failpoint=dies_after(Failpoint.ANSWERED, times=2))
    with books.pipeline.database.connect() as connection:
        connection.execute("insert into fridge.stripe_books (is_live) values (false) on conflict do nothing")
    books.reconcile()
    assert books.day_rows() == [(10, None, 10, 0, "in_flight")]
    books.pipeline.bill(books.first)
    books.reconcile()
    assert books.day_rows() == [(10, 10, 10, 0, None)]


def test_usage_that_no_billing_has_stated_yet_is_in_flight(books: Books) -> None:
    books.use(books.first, 10)
    later = books.first.plus(1)
    books.pipeline.land(later, "a.csv", readings("cohoes", later, 1, 3))
    books.pipeline.load(later)
    books.pipeline.count(later)
    books.reconcile()
    assert books.day_rows() == [(13, 10, 10, -3, "in_flight")]
    assert books.hour_rows() == [(later.key, 3, None, 0, "in_flight")]


def test_what_stripe_refused_at_once_is_refused(books: Books) -> None:
    books.use(books.first, 10)
    no = books.first.plus(1)
    books.pipeline.sandbox.faults({"kind": "refuse", "event_name": READINGS, "message": "No."})
    books.use(no, 4)
    books.reconcile()
    assert books.day_rows() == [(14, 10, 10, -4, "refused")]
    assert books.hour_rows() == [(no.key, 4, None, 0, "refused")]


def test_a_restatement_refused_later_gives_way_to_the_revision_before_which_stripe_still_shows(books: Books) -> None:
    books.pipeline.sandbox.settings(report_seconds=0)
    books.use(books.first, 10)
    books.pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS})
    books.use(books.first, 15, name="late.csv")
    books.collect()
    books.reconcile()
    ((usage, ledger, stripe, _, cause),) = books.day_rows()
    assert (ledger, stripe, cause) == (10, 10, "customer_gone")
    assert usage > 10


def test_usage_without_a_customer_is_unmapped_and_costs_no_read(books: Books) -> None:
    books.use(books.first, 10)
    books.use(books.first, 4, tenant="nobody", name="b.csv")
    report = books.reconcile()
    assert books.day_rows() == [(10, 10, 10, 0, None), (4, None, None, -4, "unmapped")]
    assert books.hour_rows() == [(books.first.key, 4, None, None, "unmapped")]
    assert report.reads == books.summary_reads() == 2
    books.pipeline.add_tenant("nobody")
    books.pipeline.bill(books.first)
    books.reconcile()
    assert books.day_rows() == [(10, 10, 10, 0, None), (4, 4, 4, 0, None)]


def test_an_hour_older_than_stripe_takes_is_too_late(books: Books) -> None:
    books.use(books.first, 10)
    old = Hour((books.pipeline.clock.now - timedelta(days=37)).replace(hour=5, minute=0, second=0))
    books.use(old, 4)
    day = day_of(old)
    books.reconcile(DayRange(day, day))
    assert books.day_rows() == [(4, None, 0, -4, "too_late")]
    assert books.hour_rows() == [(old.key, 4, None, 0, "too_late")]


def test_what_can_no_longer_be_cancelled_is_a_credit_that_is_due(raw_books: Books) -> None:
    line = raw_books.pipeline
    raw_books.use(raw_books.first, 10)
    line.clock.advance(hours=21)
    with line.database.connect() as connection:
        connection.execute("update fridge.usage set quantity = 6 where measure = 'inserted_count'")
        connection.execute("delete from fridge.counted_hours")  # else it would be a contradiction
    line.bill(raw_books.first)
    raw_books.reconcile()
    assert raw_books.day_rows() == [(6, 10, 10, 4, "credit_due")]


def test_what_is_held_for_review_is_said_to_be_and_agrees_once_it_is_released_and_billed(books: Books) -> None:
    line = books.pipeline
    with line.database.connect() as connection:
        connection.execute(
            "insert into fridge.usage select 'cohoes', %s - n * interval '1 day', 'inserted_count', 1, now()"
            " from generate_series(1, 24) as n",
            [books.first.start],
        )
    books.use(books.first, 11)
    books.reconcile()
    assert books.day_rows() == [(11, None, 0, -11, "held_for_review")]
    release_usage(line.as_run(), "cohoes", books.first, None, "Ada", "right")
    line.bill(books.first)
    books.reconcile()
    assert books.day_rows() == [(11, 11, 11, 0, None)]


def test_an_hour_that_an_old_customer_has_is_not_billed_to_the_new_one_as_well(books: Books) -> None:
    """The first revision counts for the old customer all the time; the second was refused later."""
    books.pipeline.sandbox.settings(report_seconds=0)
    books.use(books.first, 10)
    books.pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS})
    books.use(books.first, 15, name="late.csv")
    books.collect()
    books.pipeline.add_tenant("cohoes")
    books.pipeline.bill(books.first)
    books.pipeline.clock.advance(hours=7)
    books.reconcile()
    usage = books.pipeline.one("select inserted_count from fridge.inserted_counts")
    assert books.day_rows() == [(usage, 10, 10, 10 - usage, "customer_gone")]


def test_two_errors_of_stripe_that_make_up_for_each_other_within_a_day_are_both_found(raw_books: Books) -> None:
    """The day's total is right; two of its hours are not."""
    books = raw_books
    other = books.first.plus(1)
    books.pipeline.sandbox.faults({"kind": "swallow", "event_name": READINGS})
    books.use(books.first, 4)
    books.pipeline.sandbox.faults({"kind": "count_twice", "event_name": READINGS})
    books.use(other, 4)
    books.pipeline.clock.advance(hours=7)
    books.reconcile()
    assert books.day_rows() == [(8, 8, 8, 0, "unexplained")]
    assert books.hour_rows() == [
        (books.first.key, 4, 4, 0, "unexplained"),
        (other.key, 4, 4, 8, "unexplained"),
    ]
