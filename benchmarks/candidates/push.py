"""Stating usage to Stripe: with the ledger, without it, and as a plain loop does it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import stripe

from benchmarks.measuring.stopwatch import Stopwatch
from benchmarks.sandbox import gateway_to
from fridge_pipeline.billing.circuit_breaker import CircuitBreaker
from fridge_pipeline.billing.deliver import deliver_hours, make_attempt
from fridge_pipeline.billing.delivery_record import undecided_attempts
from fridge_pipeline.billing.workers import Workers
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.run import Run, pass_by
from fridge_pipeline.settings import DEFAULT_MAX_IN_FLIGHT
from fridge_pipeline.stripe.rules.answer import Outcome


def with_ledger(stopwatch: Stopwatch, *, dsn: str, url: str, hour: str) -> int:
    """The push step over what is staged: intent, calls, receipts."""
    only = Hour.from_key(hour)
    with stopwatch.running():
        run = Run(Database(dsn), CATALOGUE, lambda: datetime.now(UTC), "benchmark")
        report = deliver_hours(run, lambda: gateway_to(url), HourRange(only, only), DEFAULT_MAX_IN_FLIGHT)
    assert report.outcomes == Counter({Outcome.ACCEPTED: report.accepted}), report
    return report.accepted


def without_ledger(stopwatch: Stopwatch, *, dsn: str, url: str, hour: str) -> int:
    """The same calls by the same delivery, but nothing is read from the database or written to it meanwhile."""
    only = Hour.from_key(hour)
    with Database(dsn).connect() as connection:
        attempts = undecided_attempts(connection, HourRange(only, only))
    with stopwatch.running():
        gateway = gateway_to(url)
        breaker = CircuitBreaker(gateway.location, lambda: False)
        with Workers(lambda each: make_attempt(each, gateway, breaker, pass_by), DEFAULT_MAX_IN_FLIGHT) as workers:
            for attempt in attempts:  # each is of its own ordering key
                workers.give([attempt])
            answered = workers.take(len(attempts))
    assert {answer.outcome for _, answer in answered} == {Outcome.ACCEPTED}
    return len(answered)


def plain_loop(stopwatch: Stopwatch, *, url: str, hour: str, events: int) -> int:
    """One call of Stripe's SDK after the other, as its documentation shows it."""
    stripe.enable_telemetry = False  # it would write a random id into the user's home
    client = stripe.StripeClient("sk_test_benchmark", base_addresses={"api": url, "meter_events": url})
    timestamp = int(Hour.from_key(hour).start.timestamp()) + 1800
    with stopwatch.running():
        for number in range(events):
            client.v1.billing.meter_events.create(
                {
                    "event_name": CATALOGUE[0].event_name,
                    "identifier": f"{CATALOGUE[0].event_name}:loop-{number}:{hour}",
                    "timestamp": timestamp,
                    "payload": {"stripe_customer_id": f"cus_loop{number}", "value": "250"},
                }
            )
    return events
