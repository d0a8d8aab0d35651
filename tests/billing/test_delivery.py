"""One call at a time per customer and meter, no more calls than allowed, and an end when Stripe is down."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import psycopg
import pytest

from fridge_pipeline.billing import deliver
from fridge_pipeline.billing.bill import explain_unsettled
from fridge_pipeline.billing.circuit_breaker import UNDECIDED_CALLS_MAX, CircuitBreaker
from fridge_pipeline.billing.deliver import ATTEMPTS_PER_WORKER, DELIVERY_TIME_MAX
from fridge_pipeline.billing.delivery_record import (
    DeliveryUnderWayError,
    release_ordering_keys,
    reserve_calls,
    take_ordering_keys,
)
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.stripe.retries import RateLimiter
from fridge_pipeline.stripe.rules.answer import Answer, Outcome
from fridge_pipeline.stripe.rules.api_key import ApiKey
from fridge_pipeline.stripe.rules.meter_event import OrderingKey
from tests.pipeline import Pipeline, ProcessDied, dies_after, gateway_to, readings

IN_FLIGHT = 8  # what tests/pipeline.py bills with
TRIES_MAX = 4


def use_hours(pipeline: Pipeline, first: Hour, hours: int, tenants: int) -> Hour:
    """Loaded and counted hours of several tenants; returns the last hour."""
    names = [f"tenant-{number}" for number in range(tenants)]
    for name in names:
        pipeline.add_tenant(name)
    for step in range(hours):
        hour = first.plus(step)
        pipeline.land(hour, "a.csv", [row for name in names for row in readings(name, hour, 2, 3)])
    last = first.plus(hours - 1)
    pipeline.load(first, last)
    pipeline.count(first, last)
    return last


@pytest.mark.parametrize("per_worker", [ATTEMPTS_PER_WORKER, 1])
def test_a_push_calls_once_at_a_time_per_customer_and_meter_and_many_customers_at_once(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch, per_worker: int
) -> None:
    """In one batch, and in several; there are more workers than ordering keys."""
    monkeypatch.setattr(deliver, "ATTEMPTS_PER_WORKER", per_worker)
    last = use_hours(pipeline, Hour(two_days_ago), hours=10, tenants=2)
    pipeline.sandbox.settings(service_seconds=0.02)
    begun = datetime.now().astimezone()
    report = pipeline.bill(Hour(two_days_ago), last)
    took = datetime.now().astimezone() - begun
    assert report.delivery.outcomes == {Outcome.ACCEPTED: 40}
    tally = pipeline.sandbox.usage()
    assert (tally["concurrent_calls_refused"], tally["received"]) == (0, 40)
    assert took > timedelta(seconds=10 * 0.02), "the hours of one customer and meter came one after another"


def test_several_runs_at_once_never_call_for_the_same_customer_and_meter_and_send_everything_once(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    first = Hour(two_days_ago)
    last = use_hours(pipeline, first, hours=6, tenants=4)
    pipeline.sandbox.settings(service_seconds=0.02)
    runs = [threading.Thread(target=lambda: pipeline.bill(first, last)) for _ in range(3)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    tally = pipeline.sandbox.usage()
    assert (tally["concurrent_calls_refused"], tally["received"], tally["refused"]) == (0, 48, 0)
    assert set(pipeline.rows("select status, attempts from fridge.meter_events")) == {("accepted", 1)}


def test_an_ordering_key_that_another_run_has_is_left_out_and_waited_for_later(pipeline: Pipeline) -> None:
    keys = [OrderingKey("cus_1", "readings"), OrderingKey("cus_2", "readings")]
    with pipeline.database.connect() as one, pipeline.database.connect() as other:
        mine = take_ordering_keys(one, keys[:1], wait=False)
        theirs = take_ordering_keys(other, keys, wait=False)
        assert (set(mine), set(theirs)) == ({keys[0]}, {keys[1]})
        release_ordering_keys(other, theirs)
        release_ordering_keys(one, mine)
        assert take_ordering_keys(other, keys, wait=True) == set(keys)
        assert take_ordering_keys(one, keys, wait=False) == set()


def test_a_run_that_never_lets_an_ordering_key_go_is_reported_and_not_waited_for_without_end(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = [OrderingKey("cus_1", "readings")]
    shorter = {"limit_waiting": "set lock_timeout = '50ms'"}
    module = "fridge_pipeline.billing.delivery_record.statement"
    monkeypatch.setattr(module, lambda name: shorter.get(name) or statement(name))
    with pipeline.database.connect() as one, pipeline.database.connect() as other:
        take_ordering_keys(one, key, wait=False)
        with pytest.raises(DeliveryUnderWayError, match="readings of cus_1"):
            take_ordering_keys(other, key, wait=True)


def test_all_runs_together_keep_to_the_calls_per_second(pipeline: Pipeline) -> None:
    """Two processes that book 50 calls each at 25 a second: the second one's turn comes two seconds later."""
    with pipeline.database.connect() as one, pipeline.database.connect() as other:
        first, second = reserve_calls(one, 50, 25), reserve_calls(other, 50, 25)
    assert first == 0
    assert 1.5 < second <= 2.0


def test_the_rate_limiter_spreads_calls_evenly_and_holds_everybody_back_when_stripe_says_so() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now[0] += seconds

    limiter = RateLimiter(10, lambda: now[0], sleep)
    for _ in range(3):
        limiter.wait()
    limiter.hold_back(2)
    limiter.wait()
    assert slept == [0.1, 0.1, 2.0]


@pytest.mark.parametrize("kind", ["unavailable", "drop_before"])
def test_when_stripe_is_down_a_push_stops_after_a_bounded_number_of_calls_and_the_rest_stays_staged(
    pipeline: Pipeline, two_days_ago: datetime, kind: str
) -> None:
    first = Hour(two_days_ago)
    last = use_hours(pipeline, first, hours=30, tenants=3)
    pipeline.sandbox.faults({"kind": kind, "times": 10_000})
    report = pipeline.bill(first, last)
    calls = [each for each in pipeline.sandbox.requests() if each["path"] == "/v1/billing/meter_events"]
    assert len(calls) <= (UNDECIDED_CALLS_MAX + IN_FLIGHT) * TRIES_MAX
    assert report.delivery.stopped is not None
    assert "30 of 30 hours are not delivered" in explain_unsettled(report)
    staged = pipeline.one("select count(*) from fridge.meter_events where status = 'staged'")
    assert staged == 180 - IN_FLIGHT * ATTEMPTS_PER_WORKER, "only one batch was ever marked as sent"
    pipeline.sandbox.clear_faults()
    assert pipeline.bill(first, last).delivery.accepted == 180
    assert pipeline.sandbox.usage()["received"] == 180


def test_a_refused_key_stops_before_anything_is_marked_as_sent(pipeline: Pipeline, two_days_ago: datetime) -> None:
    first = Hour(two_days_ago)
    last = use_hours(pipeline, first, hours=3, tenants=1)
    refused = gateway_to(pipeline.sandbox.url, ApiKey("sk_live_1234567890abcdef"))  # the sandbox takes no live key
    report = pipeline.bill(first, last, open_gateway=lambda: refused)
    assert report.delivery.stopped is not None
    assert "live key" in report.delivery.stopped
    assert "1234567890abcdef" not in report.delivery.stopped
    assert pipeline.sandbox.usage()["received"] == 0
    assert set(pipeline.rows("select status, attempts from fridge.meter_events")) == {("staged", 0)}


def test_a_key_that_is_refused_for_meter_events_stops_the_push_with_its_first_answer() -> None:
    breaker = CircuitBreaker("Stripe", lambda: False)
    assert not breaker.is_open()
    breaker.record(Answer(Outcome.KEY_REFUSED, "no permission", 403))
    assert breaker.is_open()
    assert breaker.reason == "Stripe refused the API key: no permission"


def test_undecided_calls_stop_a_push_only_when_they_come_in_a_row() -> None:
    breaker = CircuitBreaker("Stripe", lambda: False)
    for _ in range(3):
        for _ in range(UNDECIDED_CALLS_MAX - 1):
            breaker.record(Answer(Outcome.UNDECIDED, "HTTP 503", 503))
        breaker.record(Answer(Outcome.ACCEPTED, "received", 200))
    assert breaker.reason is None
    for _ in range(UNDECIDED_CALLS_MAX):
        breaker.record(Answer(Outcome.UNDECIDED, "HTTP 503", 503))
    assert breaker.reason == "Stripe answers with errors only: HTTP 503"


def test_a_push_ends_at_its_deadline_and_the_next_one_goes_on(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "ATTEMPTS_PER_WORKER", 4)
    first = Hour(two_days_ago)
    last = use_hours(pipeline, first, hours=20, tenants=2)
    clock = pipeline.clock

    def at_failpoint(failpoint: Failpoint) -> None:
        if failpoint is Failpoint.RECEIPTS_WRITTEN:
            clock.advance(seconds=DELIVERY_TIME_MAX.total_seconds())

    report = pipeline.bill(first, last, at_failpoint=at_failpoint)
    accepted = report.delivery.accepted
    assert 0 < accepted < 80
    assert report.delivery.stopped == "the time for one push is over; the next one goes on"
    assert pipeline.bill(first, last).delivery.accepted == 80 - accepted


def test_a_delivery_that_fails_lets_no_worker_begin_another_call_and_the_next_one_sends_the_rest_once(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "ATTEMPTS_PER_WORKER", 1)
    first = Hour(two_days_ago)
    last = use_hours(pipeline, first, hours=20, tenants=2)
    with pytest.raises(ProcessDied):
        pipeline.bill(first, last, at_failpoint=dies_after(Failpoint.RECEIPTS_WRITTEN))
    assert pipeline.sandbox.usage()["received"] < 80
    assert pipeline.bill(first, last).delivery.stopped is None
    tally = pipeline.sandbox.usage()
    assert (tally["received"], tally["concurrent_calls_refused"]) == (80, 0)
    assert set(pipeline.rows("select status from fridge.meter_events")) == {("accepted",)}


def test_what_is_under_way_when_a_person_interrupts_is_answered_and_kept(
    pipeline: Pipeline, two_days_ago: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "ATTEMPTS_PER_WORKER", 1)
    first = Hour(two_days_ago)
    last = use_hours(pipeline, first, hours=20, tenants=2)
    seen: list[Failpoint] = []

    def interrupts_the_second_batch(failpoint: Failpoint) -> None:
        seen.append(failpoint)
        if failpoint is Failpoint.MARKED_SENT and seen.count(failpoint) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.bill(first, last, at_failpoint=interrupts_the_second_batch)
    received = pipeline.sandbox.usage()["received"]
    assert pipeline.one("select count(*) from fridge.meter_events where status = 'accepted'") == received > 0
    assert pipeline.bill(first, last).delivery.accepted == 80 - received


def test_every_attempt_is_on_record_with_its_answer_and_one_that_died_as_lost(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    use_hours(pipeline, hour, hours=1, tenants=1)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.ANSWERED))
    pipeline.sandbox.faults({"kind": "unavailable", "times": 2 * TRIES_MAX})
    pipeline.bill(hour)
    pipeline.bill(hour)
    query = """
        select attempt, outcome, tries, http_status, request_id is not null, latency_seconds is not null
        from fridge.meter_event_attempts where identifier like 'active%' order by attempt
    """
    assert pipeline.rows(query) == [
        (1, "lost", 1, None, False, False),
        (2, "undecided", 4, 503, True, True),
        (3, "accepted", 1, 200, True, True),
    ]


@pytest.mark.parametrize(
    ("kind", "times"),
    [("rate_limited", 3), ("lock_timeout", 3), ("conflict", 3), ("error_500", 2), ("unavailable", 3), ("reset", 3)],
)
def test_a_call_that_is_put_off_is_tried_again_within_the_same_push(
    pipeline: Pipeline, two_days_ago: datetime, kind: str, times: int
) -> None:
    """A stored 500 is given again under its key, so that the third try has a key of its own."""
    hour = Hour(two_days_ago)
    use_hours(pipeline, hour, hours=1, tenants=1)
    pipeline.sandbox.faults({"kind": kind, "times": times, "event_name": "active_sensors"})
    assert pipeline.bill(hour).delivery.outcomes == {Outcome.ACCEPTED: 2}
    assert pipeline.sandbox.usage()["received"] == 2


def test_a_slow_older_request_cannot_win_over_a_newer_revision(pipeline: Pipeline, two_days_ago: datetime) -> None:
    """All tries of the first statement arrive five minutes late, after the restated total."""
    hour = Hour(two_days_ago)
    use_hours(pipeline, hour, hours=1, tenants=1)
    pipeline.advance()
    pipeline.sandbox.faults({"kind": "late", "seconds": 300, "times": 2 * TRIES_MAX})
    pipeline.bill(hour)
    assert set(pipeline.rows("select status, revision from fridge.meter_events")) == {("unknown", 1)}
    pipeline.land(hour, "late.csv", readings("tenant-0", hour, 5, 3))
    pipeline.run(hour)
    pipeline.advance(seconds=301)
    totals = pipeline.stripe_totals("tenant-0")
    assert totals == {("temperature_readings", hour.key): 15, ("active_sensors", hour.key): 5}
    history = "select revision, status from fridge.meter_events where event_name = 'active_sensors' order by revision"
    assert pipeline.rows(history) == [(1, "superseded"), (2, "accepted")]


def test_no_newer_revision_can_be_staged_while_an_older_one_is_undecided_even_by_hand(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    use_hours(pipeline, hour, hours=1, tenants=1)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.MARKED_SENT))
    by_hand = (
        "insert into fridge.meter_events (identifier, event_name, tenant_id, stripe_customer_id, hour, revision,"
        " value, timestamp, staged_at, run_id) select 'x', event_name, tenant_id, stripe_customer_id, hour, 2, 1,"
        " timestamp, now(), 'r' from fridge.meter_events where event_name = 'active_sensors' returning 1"
    )
    with pytest.raises(psycopg.errors.UniqueViolation, match="meter_events_one_open"):
        pipeline.rows(by_hand)
