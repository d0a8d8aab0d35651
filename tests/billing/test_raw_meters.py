"""Meters that add everything up: differences, cancellations while Stripe takes them, credits when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.billing.rules.undecided import StatedDifference, plan_credit
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Window
from fridge_pipeline.stripe.rules.answer import Outcome
from fridge_pipeline.stripe.rules.meter_event import MeterEvent
from tests.pipeline import Pipeline, gateway_to, readings

RAW = replace(CATALOGUE[0], event_name="raw_readings", window=Window.NONE)
ADJUSTMENTS = "/v1/billing/meter_event_adjustments"


@pytest.fixture
def raw(pipeline: Pipeline, two_days_ago: datetime) -> tuple[Pipeline, Hour]:
    """A raw sum meter, and an hour of which Stripe was told 20, and then 10 more."""
    pipeline.catalogue = (RAW,)
    pipeline.gateway.create_meter(RAW)
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.advance()
    pipeline.land(hour, "first.csv", readings("cohoes", hour, 2, 10))
    pipeline.run(hour)
    pipeline.land(hour, "second.csv", readings("cohoes", hour, 1, 10, start=7))
    pipeline.run(hour)
    return pipeline, hour


def withdraw(pipeline: Pipeline, name: str) -> None:
    """Takes a file out of usage."""
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.withdrawals select file_id, 'broken', 'test', %s from fridge.landing_files"
            " where path like %s",
            [pipeline.clock(), f"%/{name}"],
        )


def stated(pipeline: Pipeline) -> list[tuple[int, int, str]]:
    """Revision, value and status of every statement."""
    return pipeline.rows("select revision, value, status from fridge.meter_events order by revision")


def total(pipeline: Pipeline) -> int | None:
    """What the sandbox counts."""
    return next(iter(pipeline.stripe_totals("cohoes").values()), None)


def test_what_is_added_is_stated_as_a_difference(raw: tuple[Pipeline, Hour]) -> None:
    pipeline, _ = raw
    assert stated(pipeline) == [(1, 20, "accepted"), (2, 10, "accepted")]
    assert set(pipeline.rows("select is_difference from fridge.meter_events")) == {(True,)}
    assert total(pipeline) == 30


def test_what_may_still_arrive_is_no_refusal_also_when_the_tries_after_it_were_put_off(
    raw: tuple[Pipeline, Hour],
) -> None:
    """Else it would be stated once more after its cause is gone, and Stripe adds up."""
    pipeline, hour = raw
    pipeline.land(hour, "third.csv", readings("cohoes", hour, 1, 5, start=20))
    events = {"endpoint": "/v1/billing/meter_events"}
    late = {**events, "kind": "late", "seconds": 3600}
    pipeline.sandbox.faults(late, {**events, "kind": "rate_limited", "times": 3})
    pipeline.run(hour)
    pipeline.sandbox.faults({**events, "kind": "refuse", "message": "This meter is archived."})
    pipeline.run(hour)
    assert stated(pipeline)[2] == (3, 5, "unknown")
    for _ in range(2):  # it never arrived, as Stripe's own sums show
        pipeline.advance(hours=7)
        pipeline.run(hour)
    assert stated(pipeline)[2:] == [(3, 5, "superseded"), (4, 5, "accepted")]
    assert total(pipeline) == 35
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0


def test_what_was_first_sent_while_the_clock_was_days_ahead_is_read_back_and_not_sent_again(
    raw: tuple[Pipeline, Hour],
) -> None:
    """By that clock Stripe would remember the identifier for days more; it has forgotten it, and would add it up."""
    pipeline, hour = raw
    pipeline.land(hour, "third.csv", readings("cohoes", hour, 1, 5, start=20))
    pipeline.sandbox.faults({"endpoint": "/v1/billing/meter_events", "kind": "drop_after", "times": 20})
    pipeline.clock.advance(days=3)
    pipeline.run(hour)
    pipeline.sandbox.clear_faults()
    pipeline.clock.advance(days=-3)
    pipeline.advance(hours=25)
    for _ in range(3):
        pipeline.run(hour)
        pipeline.advance(hours=7)
    assert total(pipeline) == 35
    assert stated(pipeline)[2:] == [(3, 5, "accepted")]


def restored(pipeline: Pipeline) -> None:
    """As the books are found after a restore."""
    for place in ("before", "after"):
        pipeline.rows(
            "insert into fridge.restores (place, noticed_at) values (%s, %s) returning 1", place, pipeline.clock()
        )


@pytest.mark.parametrize("was_sent", [True, False])
def test_books_restored_from_before_usage_was_sent_add_it_up_once(
    pipeline: Pipeline, two_days_ago: datetime, *, was_sent: bool
) -> None:
    """Also once Stripe has forgotten the identifier; what was never sent is, once Stripe has shown nothing twice."""
    pipeline.catalogue = (RAW,)
    pipeline.gateway.create_meter(RAW)
    hour = Hour(two_days_ago)
    customer = pipeline.add_tenant("cohoes")
    pipeline.advance()
    if was_sent:
        event = MeterEvent(RAW.event_name, "cohoes", customer, hour, revision=1, value=20, is_difference=True)
        assert pipeline.gateway.state_usage(event, lambda: False).outcome is Outcome.ACCEPTED
    pipeline.advance(hours=30)
    restored(pipeline)
    pipeline.land(hour, "first.csv", readings("cohoes", hour, 2, 10))
    pipeline.run(hour)
    assert total(pipeline) == (20 if was_sent else None)
    for _ in range(2):
        pipeline.advance(hours=7)
        pipeline.run(hour)
    assert total(pipeline) == 20
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0
    pipeline.land(hour, "second.csv", readings("cohoes", hour, 1, 10, start=7))
    pipeline.run(hour)
    assert total(pipeline) == 30


def test_usage_that_shrinks_is_corrected_by_cancelling_what_was_stated(raw: tuple[Pipeline, Hour]) -> None:
    pipeline, hour = raw
    withdraw(pipeline, "second.csv")
    report = pipeline.run(hour)
    assert (stated(pipeline), report.unsettled) == ([(1, 20, "accepted"), (2, 10, "superseded")], [])
    assert pipeline.rows("select identifier, status from fridge.meter_event_adjustments") == [
        (f"raw_readings:cohoes:{hour.compact}:r2", "accepted")
    ]
    assert total(pipeline) == 20


def test_what_a_cancellation_takes_too_much_is_stated_anew(raw: tuple[Pipeline, Hour]) -> None:
    pipeline, hour = raw
    withdraw(pipeline, "first.csv")
    pipeline.run(hour)
    assert stated(pipeline) == [(1, 20, "superseded"), (2, 10, "superseded"), (3, 10, "accepted")]
    assert total(pipeline) == 10


def test_what_can_no_longer_be_cancelled_is_a_credit_of_just_that_amount(raw: tuple[Pipeline, Hour]) -> None:
    pipeline, hour = raw
    pipeline.advance(hours=20, minutes=1)
    withdraw(pipeline, "second.csv")
    report = pipeline.run(hour)
    assert (total(pipeline), report.unsettled) == (30, []), "it is among the exceptions"
    ((kind, subject, detail),) = pipeline.rows("select kind, subject, detail from fridge.exceptions")
    assert (kind, subject) == ("credit_due", "raw_readings")
    assert "a credit for 10" in detail
    pipeline.land(hour, "third.csv", readings("cohoes", hour, 1, 15, start=9))
    pipeline.run(hour)
    assert total(pipeline) == 35
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 0, "used up by new usage"


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error_500", "error_500_after", "unavailable"])
def test_a_cancellation_without_an_answer_is_decided_and_takes_effect_once(
    raw: tuple[Pipeline, Hour], kind: str
) -> None:
    pipeline, hour = raw
    withdraw(pipeline, "second.csv")
    pipeline.sandbox.faults({"kind": kind, "endpoint": ADJUSTMENTS, "times": 9})
    pipeline.run(hour)
    pipeline.sandbox.clear_faults()
    for _ in range(5):
        pipeline.run(hour)
        pipeline.advance(hours=6, minutes=1)
    assert total(pipeline) == 20
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 0


def test_when_one_statement_cannot_be_cancelled_an_older_one_can(raw: tuple[Pipeline, Hour]) -> None:
    pipeline, hour = raw
    withdraw(pipeline, "second.csv")
    pipeline.sandbox.faults({"kind": "refuse", "endpoint": ADJUSTMENTS, "message": "too old", "times": 1})
    pipeline.run(hour)
    assert stated(pipeline) == [(1, 20, "superseded"), (2, 10, "accepted"), (3, 10, "accepted")]
    assert total(pipeline) == 20


def test_when_no_cancellation_is_taken_the_excess_is_a_credit(raw: tuple[Pipeline, Hour]) -> None:
    pipeline, hour = raw
    withdraw(pipeline, "second.csv")
    pipeline.sandbox.faults({"kind": "refuse", "endpoint": ADJUSTMENTS, "message": "too old", "times": 9})
    pipeline.run(hour)
    assert pipeline.rows("select kind from fridge.exceptions where closed_at is null") == [("credit_due",)]
    assert total(pipeline) == 30


def test_a_cancellation_that_was_never_sent_and_is_too_old_becomes_a_credit_and_is_not_in_doubt_for_ever(
    raw: tuple[Pipeline, Hour],
) -> None:
    pipeline, hour = raw
    withdraw(pipeline, "first.csv")
    pipeline.count(hour)
    pipeline.sandbox.faults({"kind": "drop_before", "endpoint": ADJUSTMENTS})
    gateway, pipeline.gateway = pipeline.gateway, gateway_to("http://127.0.0.1:9")
    pipeline.bill(hour)
    pipeline.gateway = gateway
    pipeline.sandbox.faults()
    assert pipeline.rows("select status from fridge.meter_event_adjustments") == [("staged",)]
    pipeline.advance(hours=27)
    for _ in range(3):
        pipeline.bill(hour)
        pipeline.advance(hours=7)
    assert "staged" not in {status for (status,) in pipeline.rows("select status from fridge.meter_event_adjustments")}
    kinds = pipeline.rows("select kind from fridge.exceptions where closed_at is null")
    assert kinds == [("credit_due",)]


@given(st.lists(st.integers(1, 50), max_size=6), st.integers(1, 200), st.integers(0, 6))
def test_a_plan_never_leaves_a_credit_that_could_have_been_cancelled(
    values: Sequence[int], excess: int, recent: int
) -> None:
    now = datetime(2026, 1, 1)  # noqa: DTZ001 # only differences matter
    statements = [
        StatedDifference(str(number), value, now - timedelta(hours=1 if number < recent else 21))
        for number, value in enumerate(values)
    ]
    plan = plan_credit(statements, excess, now)
    cancelled = sum(each.value for each in plan.cancel)
    assert plan.credit_due == max(0, excess - sum(each.value for each in statements[:recent]))
    assert cancelled == 0 or cancelled - plan.cancel[-1].value < excess, "not one more than needed"
    assert all(each.can_be_cancelled(now) for each in plan.cancel)


def test_only_a_raw_sum_meter_adds_up() -> None:
    meters: list[Meter] = [*CATALOGUE, RAW]
    assert [meter.restatement.value for meter in meters] == ["total", "total", "difference"]
