"""L4 intent before effect, L5 never billed twice or forgotten, L6 same identifier same value, L7 append only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler

import psycopg
import pytest
import requests

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.rules.answer import Answer, Outcome
from fridge_pipeline.stripe.rules.meter_event import TRANSITIONS, MeterEvent
from tests.pipeline import Pipeline, ProcessDied, dies_after, gateway_to, readings
from tests.serving import served


@contextmanager
def looking_proxy(target: str, look: Callable[[], None]) -> Iterator[str]:
    """An HTTP proxy to the sandbox that looks at the database whenever a meter event comes by."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            look()
            self._pass_on("POST")

        def do_GET(self) -> None:
            self._pass_on("GET")

        def _pass_on(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = requests.request(method, target + self.path, data=body, headers=headers, timeout=20)
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Request-Id", "Stripe-Should-Retry", "Idempotent-Replayed"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    with served(Handler) as address:
        yield address


class CrashAfterSending(StripeGateway):
    """Sends two statements, and dies before an answer is kept: the ordinary case, not a rare one."""

    both_sent = threading.Barrier(2, timeout=60)

    def state_usage(self, event: MeterEvent, is_futile: Callable[[], bool] = lambda: False) -> Answer:
        """Both statements have reached Stripe when the crash comes."""
        super().state_usage(event, is_futile)
        self.both_sent.wait()
        raise KeyboardInterrupt


def crashing_gateway(pipeline: Pipeline) -> StripeGateway:
    """The real gateway, with the crash as its one difference."""
    gateway = gateway_to(pipeline.sandbox.url)
    gateway.__class__ = CrashAfterSending
    return gateway


def used_hour(pipeline: Pipeline, start: datetime) -> Hour:
    """A closed hour with 20 readings of two sensors, loaded and counted."""
    hour = Hour(start)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 10)
    pipeline.load(hour)
    pipeline.count(hour)
    return hour


def test_L4_a_statement_is_committed_before_it_is_sent_and_no_transaction_is_open_meanwhile(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    seen: list[tuple[int, int]] = []
    one_at_a_time = threading.Lock()  # two looks at once would see each other's query

    def look() -> None:
        with one_at_a_time:
            look_alone()

    def look_alone() -> None:
        committed = pipeline.one(
            "select count(*) from fridge.meter_events where status = 'sent' and first_sent_at is not null"
        )
        in_transaction = pipeline.one(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and xact_start is not null and pid <> pg_backend_pid()"
        )
        seen.append((committed, in_transaction))

    hour = used_hour(pipeline, two_days_ago)
    with looking_proxy(pipeline.sandbox.url, look) as proxy:
        pipeline.bill(hour, open_gateway=lambda: gateway_to(proxy))
    assert seen == [(2, 0), (2, 0)]


def test_L5_a_crash_between_answer_and_receipt_is_settled_by_resending_and_bills_once(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = used_hour(pipeline, two_days_ago)
    with pytest.raises(KeyboardInterrupt):
        pipeline.bill(hour, open_gateway=lambda: crashing_gateway(pipeline))
    assert set(pipeline.rows("select status from fridge.meter_events")) == {("sent",)}

    report = pipeline.bill(hour)
    assert report.delivery.accepted == 2
    assert set(pipeline.rows("select status, revision, attempts from fridge.meter_events")) == {("accepted", 1, 2)}
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 20


def state_by_another_hand(pipeline: Pipeline, hour: Hour, values: dict[str, int]) -> None:
    """Somebody else states these values under the very identifiers that we would use."""
    customer = pipeline.customers["cohoes"]
    for meter, value in values.items():
        event = MeterEvent(meter, "cohoes", customer, hour, 1, value)
        pipeline.sandbox.client().v1.billing.meter_events.create(
            {
                "event_name": meter,
                "identifier": event.identifier,
                "timestamp": int(event.timestamp.timestamp()),
                "payload": {"stripe_customer_id": customer, "value": str(value)},
            },
            {"idempotency_key": f"another-{event.identifier}-{customer}"},
        )


def test_L5_a_duplicate_refusal_of_what_we_sent_before_means_delivered(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """Beyond the idempotency replay: another key with the same identifier gets the 400 without a code."""
    hour = used_hour(pipeline, two_days_ago)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.MARKED_SENT))
    state_by_another_hand(pipeline, hour, {"temperature_readings": 20, "active_sensors": 2})
    assert pipeline.bill(hour).delivery.outcomes == {Outcome.DUPLICATE: 2}
    assert set(pipeline.rows("select status, http_status from fridge.meter_events")) == {("accepted", 400)}


def test_L5_a_duplicate_refusal_of_what_we_never_sent_is_delivered_only_if_stripe_shows_our_value(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """A ledger restored from a backup, or another program: the identifier is known, the value perhaps not ours."""
    hour = used_hour(pipeline, two_days_ago)
    state_by_another_hand(pipeline, hour, {"temperature_readings": 20, "active_sensors": 3})
    report = pipeline.bill(hour)
    assert report.delivery.outcomes == {Outcome.DUPLICATE: 2}
    assert dict(pipeline.rows("select event_name, status from fridge.meter_events")) == {
        "temperature_readings": "accepted",
        "active_sensors": "unknown",
    }
    assert pipeline.rows("select kind, subject from fridge.exceptions where closed_at is null") == [
        ("unexplained", f"active_sensors:cohoes:{hour.compact}:r1")
    ]
    assert len(report.unsettled) == 0, "it is among the exceptions"


def test_L5_a_late_file_restates_its_hour_by_a_new_revision_and_only_that_hour(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour, other = Hour(two_days_ago), Hour(two_days_ago).plus(1)
    pipeline.add_tenant("cohoes")
    for each in (hour, other):
        pipeline.land(each, "a.csv", readings("cohoes", each, 2, 10))
    pipeline.run(hour, other)
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 3, 10))
    report = pipeline.run(hour, other)
    assert report.delivery.accepted == 2
    assert pipeline.rows(
        "select hour, revision, value, status from fridge.meter_events where event_name = 'temperature_readings'"
        " order by hour, revision"
    ) == [
        (hour.start, 1, 20, "superseded"),
        (hour.start, 2, 30, "accepted"),
        (other.start, 1, 20, "accepted"),
    ]
    totals = pipeline.stripe_totals("cohoes")
    assert totals["temperature_readings", hour.key] == 30
    assert totals["active_sensors", hour.key] == 3
    assert totals["temperature_readings", other.key] == 20


def test_L5_usage_of_an_open_hour_is_counted_and_not_pushed_until_it_has_closed(  # noqa: N802
    pipeline: Pipeline,
) -> None:
    hour = Hour.containing(pipeline.clock.now)
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 1)
    report = pipeline.run(hour)
    assert (report.delivery.accepted, report.hours[0].is_closed) == (0, False)
    assert pipeline.usage() == {("cohoes", hour.key): (1, 1)}
    assert pipeline.one("select count(*) from fridge.meter_events") == 0
    pipeline.clock.now = hour.end.replace(minute=4, second=59)
    assert pipeline.bill(hour).delivery.accepted == 0
    pipeline.clock.now = hour.end.replace(minute=5)
    pipeline.sandbox.set_clock(now=pipeline.clock.now.timestamp())
    assert pipeline.bill(hour).delivery.accepted == 2


def test_L6_a_statement_without_an_answer_is_resent_unchanged_for_20_hours_and_never_after(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = used_hour(pipeline, two_days_ago)
    sent_at = pipeline.clock.now
    for _ in range(2):
        with pytest.raises(ProcessDied):
            pipeline.bill(hour, at_failpoint=dies_after(Failpoint.MARKED_SENT))
        pipeline.clock.advance(hours=19, minutes=59)
    pipeline.clock.now = sent_at + timedelta(hours=19, minutes=59)
    assert set(pipeline.rows("select status, revision, attempts, first_sent_at from fridge.meter_events")) == {
        ("sent", 1, 2, sent_at)
    }
    assert set(pipeline.rows("select attempt, outcome from fridge.meter_event_attempts")) == {(1, "lost")}
    pipeline.clock.advance(minutes=2)
    report = pipeline.bill(hour)
    assert (report.delivery.outcomes, len(report.unsettled)) == ({}, 0), "nothing is sent, and it stands in exceptions"
    assert pipeline.stripe_totals("cohoes") == {}
    assert pipeline.one("select count(*) from fridge.exceptions where kind = 'unexplained' and closed_at is null") == 2


def test_L6_after_20_hours_what_stripe_counts_is_accepted_by_reading_it_back(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = used_hour(pipeline, two_days_ago)
    with pytest.raises(KeyboardInterrupt):
        pipeline.bill(hour, open_gateway=lambda: crashing_gateway(pipeline))
    pipeline.clock.advance(hours=20, minutes=1)
    report = pipeline.bill(hour)
    assert (report.delivery.outcomes, len(report.unsettled)) == ({}, 0)
    assert set(pipeline.rows("select status, revision from fridge.meter_events")) == {("accepted", 1)}
    assert pipeline.one("select count(*) from fridge.stripe_readbacks where verdict = 'counted'") == 2
    assert pipeline.one("select count(*) from fridge.exceptions") == 0


def test_L6_what_is_absent_in_two_readings_six_hours_apart_is_stated_anew_and_not_before(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = used_hour(pipeline, two_days_ago)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.MARKED_SENT))
    pipeline.clock.advance(hours=20, minutes=1)
    pipeline.bill(hour)
    pipeline.clock.advance(hours=5, minutes=59)
    assert pipeline.bill(hour).delivery.outcomes == {}
    assert set(pipeline.rows("select status, revision from fridge.meter_events")) == {("unknown", 1)}
    pipeline.clock.advance(minutes=1)
    assert pipeline.bill(hour).delivery.outcomes == {Outcome.ACCEPTED: 2}
    assert set(pipeline.rows("select status, revision from fridge.meter_events")) == {
        ("superseded", 1),
        ("accepted", 2),
    }
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 20
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 0


EDITS = (
    "update fridge.meter_events set value = 1",
    "update fridge.meter_events set identifier = 'x' || identifier",
    "update fridge.meter_events set hour = hour + interval '1 hour'",
    "update fridge.meter_events set stripe_customer_id = 'cus_other'",
    "update fridge.meter_events set status = 'staged'",
    "update fridge.meter_events set status = 'unknown'",
    "update fridge.meter_events set answer = 'never mind'",
    "update fridge.meter_events set first_sent_at = now()",
    "update fridge.meter_events set is_difference = true",
    "update fridge.meter_event_attempts set outcome = 'accepted', tries = 7",
    "delete from fridge.meter_event_attempts",
    "truncate fridge.meter_event_attempts",
    "delete from fridge.meter_events",
    "truncate fridge.meter_events",
    "update fridge.landing_files set inserted_count = 0, duplicate_count = row_count",
    "delete from fridge.landing_files",
    "truncate fridge.landing_files",
    "update fridge.stored_readings set temperature_c = 0",
    "delete from fridge.stored_readings",
    "truncate fridge.stored_readings",
    "delete from fridge.exceptions",
    "delete from fridge.rejected_readings",
    "insert into fridge.meter_event_transitions values ('accepted', 'staged')",
)


def test_L7_the_database_refuses_to_edit_or_delete_what_was_stated(pipeline: Pipeline, two_days_ago: datetime) -> None:  # noqa: N802
    hour = used_hour(pipeline, two_days_ago)
    pipeline.land(hour, "broken.parquet", b"broken")
    pipeline.land(hour, "rejected.csv", [("cohoes", "s1", hour.start, 999.0)])
    pipeline.run(hour)
    refusals = (psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)
    with pipeline.database.connect() as connection:
        for edit in EDITS:
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(edit)
            assert isinstance(refused.value, refusals), edit


def test_L7_a_statement_can_only_enter_the_ledger_as_staged(pipeline: Pipeline, two_days_ago: datetime) -> None:  # noqa: N802
    used_hour(pipeline, two_days_ago)
    with pipeline.database.connect() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(
            "insert into fridge.meter_events (identifier, event_name, tenant_id, stripe_customer_id, hour, revision,"
            " value, timestamp, status, staged_at, first_sent_at, settled_at, run_id) values ('x', 'm', 't', 'c',"
            " %(hour)s, 1, 1, %(hour)s + interval '1 minute', 'accepted', now(), now(), now(), 'r')",
            {"hour": two_days_ago},
        )


def test_L7_the_allowed_transitions_are_the_same_in_the_code_and_in_the_database(pipeline: Pipeline) -> None:  # noqa: N802
    stored = pipeline.rows("select from_status, to_status from fridge.meter_event_transitions")
    assert set(stored) == {(before.value, after.value) for before, after in TRANSITIONS}
