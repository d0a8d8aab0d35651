"""What Stripe received and refused later: collected once, held, stated anew, and counted once in the end."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

import psycopg
import pytest

from fridge_pipeline.billing import collect_refusals as step
from fridge_pipeline.calendar.days import day_of
from fridge_pipeline.stripe.gateway import StripeCallError
from fridge_pipeline.stripe.rules.answer import ErrorSample, is_look_due, look_since
from tests.pipeline import gateway_to
from tests.reconciliation.books import READINGS, SENSORS, Books


@pytest.fixture
def refusing(books: Books) -> Books:
    """The readings of the next hours are received and refused at once afterwards."""
    books.pipeline.sandbox.settings(report_seconds=0)
    books.pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS})
    return books


def identifier(books: Books) -> str:
    return f"{READINGS}:cohoes:{books.first.compact}:r1"


def test_a_refused_statement_reopens_its_hour_and_keeps_the_receipt_it_had(refusing: Books) -> None:
    refusing.use(refusing.first, 10)
    receipt = "select http_status, request_id, answer, settled_at from fridge.meter_events where identifier = %s"
    before = refusing.pipeline.rows(receipt, identifier(refusing))
    refusing.pipeline.clock.advance(minutes=10)
    found = refusing.collect()
    assert (found.new_reports, found.errors, found.refused) == (1, 1, [identifier(refusing)])
    assert refusing.statuses() == [(1, "refused")]
    assert refusing.statuses(SENSORS) == [(1, "accepted")]
    assert refusing.pipeline.rows(receipt, identifier(refusing)) == before
    assert refusing.exceptions() == [("refused", refusing.first.key, identifier(refusing))]
    detail, deadline = refusing.pipeline.rows("select detail, deadline_at from fridge.exceptions")[0]
    report_id = refusing.pipeline.one("select report_id from fridge.stripe_error_reports")
    assert "meter_event_customer_not_found: No customer was found" in detail
    assert f"(report {report_id})" in detail
    assert deadline == refusing.first.start + timedelta(days=35, minutes=15)


def test_it_is_held_while_its_cause_stands_and_delivered_once_when_the_tenant_has_another_customer(
    refusing: Books,
) -> None:
    line = refusing.pipeline
    refusing.use(refusing.first, 10)
    refusing.collect()
    for _ in range(2):
        assert line.bill(refusing.first).delivery.accepted == 0
    assert refusing.statuses() == [(1, "refused")]
    line.add_tenant("cohoes")
    assert line.bill(refusing.first).delivery.accepted == 1
    assert line.bill(refusing.first).delivery.accepted == 0
    assert refusing.statuses() == [(1, "superseded"), (2, "accepted")]
    assert line.stripe_totals("cohoes") == {(READINGS, refusing.first.key): 10}
    assert refusing.exceptions() == []


def test_it_is_delivered_once_when_the_exception_is_closed_by_hand_and_totals_are_right_in_stripes_tally(
    refusing: Books,
) -> None:
    line = refusing.pipeline
    refusing.use(refusing.first, 10)
    refusing.use(refusing.first.plus(1), 4)
    refusing.collect()
    with line.database.connect() as connection:
        connection.execute("update fridge.exceptions set closed_at = %s", [line.clock.now])
    line.bill(refusing.first, refusing.first.plus(1))
    assert line.stripe_totals("cohoes") == {
        (READINGS, refusing.first.key): 10,
        (SENSORS, refusing.first.key): 1,
        (READINGS, refusing.first.plus(1).key): 4,
        (SENSORS, refusing.first.plus(1).key): 1,
    }
    refusing.reconcile()
    assert refusing.day_rows() == [(14, 14, 14, 0, None)]


def test_on_a_meter_that_adds_up_only_what_was_refused_is_stated_again(raw_books: Books) -> None:
    line = raw_books.pipeline
    line.sandbox.settings(report_seconds=0)
    raw_books.use(raw_books.first, 10)
    line.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS})
    with line.database.connect() as connection:
        connection.execute("update fridge.usage set quantity = 13 where measure = 'inserted_count'")
        connection.execute("delete from fridge.counted_hours")  # else it would be a contradiction
    line.bill(raw_books.first)
    raw_books.collect()
    assert raw_books.statuses() == [(1, "accepted"), (2, "refused")]
    with line.database.connect() as connection:
        connection.execute("update fridge.exceptions set closed_at = %s", [line.clock.now])
    line.bill(raw_books.first)
    assert line.rows("select revision, value, status from fridge.meter_events where event_name = %s", READINGS) == [
        (1, 10, "accepted"),
        (2, 3, "superseded"),
        (3, 3, "accepted"),
    ]
    assert line.stripe_totals("cohoes")[READINGS, raw_books.first.key] == 13


def test_the_same_report_seen_again_changes_nothing(refusing: Books) -> None:
    refusing.use(refusing.first, 10)
    first = refusing.collect()
    refusing.pipeline.add_tenant("cohoes")
    refusing.pipeline.bill(refusing.first)
    again = refusing.collect()
    assert (again.new_reports, again.refused, again.touched) == (0, [], first.touched)
    assert refusing.statuses() == [(1, "superseded"), (2, "accepted")]
    assert refusing.pipeline.one("select count(*) from fridge.stripe_error_reports") == 1


def test_a_statement_that_was_superseded_before_its_refusal_is_left_alone(refusing: Books) -> None:
    refusing.use(refusing.first, 10)
    refusing.use(refusing.first, 15, name="late.csv")
    found = refusing.collect()
    assert (found.new_reports, found.refused) == (1, [])
    assert refusing.statuses() == [(1, "superseded"), (2, "accepted")]
    assert refusing.exceptions() == []


def test_a_crash_in_the_middle_of_a_report_leaves_nothing_of_it_and_the_next_look_collects_it(
    refusing: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing.use(refusing.first, 10)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(step, "open_refusals", crash)
        with pytest.raises(KeyboardInterrupt):
            refusing.collect()
    assert refusing.pipeline.one("select count(*) from fridge.stripe_error_reports") == 0
    assert refusing.statuses() == [(1, "accepted")]
    assert refusing.collect().refused == [identifier(refusing)]


def test_more_reports_than_fit_a_page_are_all_collected(books: Books) -> None:
    books.pipeline.sandbox.settings(report_seconds=0)
    books.pipeline.sandbox.faults({"kind": "refuse_asynchronously", "probability": 1})
    client = books.pipeline.sandbox.client()
    books.use(books.first, 10)
    for number in range(120):
        client.v1.billing.meter_events.create(
            {"event_name": READINGS, "payload": {"stripe_customer_id": "cus_other", "value": f"{number}"}}
        )
    found = books.collect()
    assert (found.new_reports, len(found.refused)) == (122, 2)
    assert books.pipeline.one("select sum(reads)::int from fridge.stripe_reads") == 2


def test_events_that_found_no_meter_are_joined_by_their_identifier_too(books: Books) -> None:
    books.pipeline.sandbox.settings(report_seconds=0)
    books.pipeline.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS, "code": "no_meter"})
    books.use(books.first, 10)
    assert books.collect().refused == [identifier(books)]
    assert books.pipeline.rows("select type, meter_id, event_name, error_count from fridge.stripe_error_reports") == [
        ("v1.billing.meter.no_meter_found", None, None, 1)
    ]


def test_incomplete_samples_touch_the_day_whose_reconciliation_finds_the_others(books: Books) -> None:
    line = books.pipeline
    line.advance()  # the sandbox's clock stands still: all three fall into one window, however slow the machine
    line.sandbox.settings(report_seconds=1, samples_max=1)
    line.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS, "times": 3})
    hours = [books.first.plus(step) for step in range(3)]
    for hour in hours:
        books.use(hour, 5)
    line.sandbox.set_clock(advance_seconds=2)
    found = books.collect()
    assert (found.errors, len(found.refused)) == (3, 1)
    assert set(found.touched) == {day_of(books.first)}
    line.clock.advance(hours=7)
    books.reconcile()
    causes = {key: cause for key, *_, cause in books.hour_rows()}
    assert set(causes) == {hour.key for hour in hours}
    assert sorted(causes.values()).count("refused") == len(found.refused)
    assert sorted(causes.values()).count("unexplained") == 3 - len(found.refused)


def test_only_days_of_statements_under_way_in_the_window_are_touched(refusing: Books) -> None:
    line, earlier = refusing.pipeline, refusing.first.plus(-48)
    line.sandbox.clear_faults()
    now = line.clock.now
    line.clock.now = now - timedelta(days=1)
    refusing.use(earlier, 3)
    line.clock.now = now
    line.sandbox.faults({"kind": "refuse_asynchronously", "event_name": READINGS})
    refusing.use(refusing.first, 10)
    assert set(refusing.collect().touched) == {day_of(refusing.first)}


def test_while_nothing_was_ever_stated_stripe_is_not_even_opened(books: Books) -> None:
    def open_nothing() -> NoReturn:
        raise AssertionError

    found = step.collect_refusals(
        books.pipeline.database, open_nothing, books.pipeline.catalogue, None, books.pipeline.clock
    )
    assert found == step.RefusalReport()


def test_with_stripe_down_the_look_fails_and_nothing_else(refusing: Books) -> None:
    refusing.use(refusing.first, 10)
    down = gateway_to("http://127.0.0.1:9")
    with pytest.raises(StripeCallError, match="is unreachable, reading the reports of refused events"):
        step.collect_refusals(
            refusing.pipeline.database, lambda: down, refusing.pipeline.catalogue, None, refusing.pipeline.clock
        )
    assert refusing.statuses() == [(1, "accepted")]


def test_looks_follow_attempts_and_are_rare_otherwise(books: Books) -> None:
    """A look is a read, of which Stripe allows some 330 a day: four an hour, and one where nothing is sent."""
    now = books.pipeline.clock.now
    assert is_look_due(None, None, now)
    assert is_look_due(now - timedelta(minutes=5), now - timedelta(minutes=19), now)
    assert not is_look_due(now - timedelta(minutes=5), now - timedelta(minutes=21), now)
    assert not is_look_due(now - timedelta(minutes=59), None, now)
    assert is_look_due(now - timedelta(hours=1), None, now)
    assert look_since(None, now) == look_since(now - timedelta(days=40), now) == now - timedelta(days=30)
    assert look_since(now - timedelta(minutes=5), now) == now - timedelta(minutes=65)


def test_the_key_of_a_further_try_leads_back_to_its_statement() -> None:
    assert ErrorSample("readings:a:2026012418:r1#3", "no_meter", "").meter_event == "readings:a:2026012418:r1"


@pytest.mark.parametrize("table", ["stripe_error_reports", "stripe_error_samples", "stripe_reads"])
@pytest.mark.parametrize("change", ["update fridge.{} set {} = {}", "delete from fridge.{}", "truncate fridge.{}"])
def test_reports_samples_and_reads_are_append_only(refusing: Books, table: str, change: str) -> None:
    refusing.use(refusing.first, 10)
    refusing.collect()
    column = "reads" if table == "stripe_reads" else "report_id"
    with (
        refusing.pipeline.database.connect() as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)),
    ):
        connection.execute(change.format(table, column, column))
