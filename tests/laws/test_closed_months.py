"""A closed month: two people signed it, and nothing more is stated for it until it is reopened."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Window
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.finance import close_month
from fridge_pipeline.finance.close_month import (
    MonthStateError,
    TotalsChangedError,
    UnsignedError,
    approve_month,
    ask_to_reopen,
    prepare_month,
    prepared_month,
    reopen_month,
)
from fridge_pipeline.finance.month_totals import MonthNotReadyError
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.settings import MODELS_FOLDER
from tests.people import signed_in
from tests.pipeline import CLOSE_AFTER, Pipeline, readings

JANUARY = Month.from_key("2026-01")
HOUR = Hour.from_key("2026-01-31-20:00")
REFUSED = psycopg.errors.RestrictViolation

STATEMENT = """
    insert into fridge.meter_events (identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value,
    timestamp, staged_at, run_id)
    select 'x' || number, 'by_hand', 'cohoes', 'cus_x', at, number, 1, at + interval '30 minutes', now(), 'r'
    from (select number, %s::timestamptz + number * interval '1 hour' as at from generate_series(1, %s) as number) as n
"""
SIGNED_AT = "2026-02-02 08:00Z"
SIGN = f"""
    insert into fridge.month_signoffs (month, action, signed_by, reason, control_totals, signed_at)
    values ('2026-01-01', %s, 'x', case when %s in ('reopen', 'ask_to_reopen') then 'late file' end,
    case when %s = 'prepare' then '{{}}'::jsonb end, '{SIGNED_AT}')
"""


@pytest.fixture
def books(pipeline: Pipeline) -> Pipeline:
    """On 2 February: an hour of January of which Stripe has 20 readings of 2 sensors, and one of February."""
    pipeline.clock.now = datetime(2026, 2, 2, 8, tzinfo=UTC)
    pipeline.advance()
    pipeline.add_tenant_with_readings("cohoes", HOUR, 2, 10)
    pipeline.run(HOUR)
    return pipeline


def prepare(pipeline: Pipeline, login: str = "ada") -> None:
    run = replace(pipeline.as_run(), database=signed_in(pipeline.database, login))
    prepare_month(run, JANUARY, "", MODELS_FOLDER, CLOSE_AFTER, "nobody reads Stripe here")


def approve(pipeline: Pipeline, login: str = "grace") -> None:
    approve_month(signed_in(pipeline.database, login), JANUARY, "", pipeline.clock, CLOSE_AFTER)


def close(pipeline: Pipeline) -> None:
    prepare(pipeline)
    approve(pipeline)


def closed_with(pipeline: Pipeline, window: Window) -> Meter:
    """The month closed with one meter, of which Stripe has 20."""
    meter = replace(CATALOGUE[0], event_name=f"readings_{window.value}", window=window)
    pipeline.catalogue = (meter,)
    pipeline.gateway.create_meter(meter)
    pipeline.bill(HOUR)
    sign(pipeline, "prepare", "ada")
    sign(pipeline, "approve", "grace")
    return meter


def ask(pipeline: Pipeline, login: str = "ada", reason: str = "late file of gateway 7") -> int:
    return ask_to_reopen(signed_in(pipeline.database, login), JANUARY, "", reason, pipeline.clock)


def reopen(pipeline: Pipeline) -> int:
    ask(pipeline)
    _, waiting = reopen_month(signed_in(pipeline.database, "grace"), JANUARY, "", pipeline.clock)
    return waiting


def sign(pipeline: Pipeline, action: str, login: str) -> None:
    """By hand, as somebody would with psql."""
    person = signed_in(pipeline.database, login).person
    assert person is not None
    with person.connect() as connection:
        insert(connection, action)


def insert(connection: psycopg.Connection, action: str) -> None:
    connection.execute(SIGN, [action, action, action])


def is_closed(pipeline: Pipeline) -> bool:
    return bool(pipeline.one("select fridge.month_is_closed(%s)", HOUR.start))


def exceptions(pipeline: Pipeline, meter: Meter | None = None) -> list[tuple[str, str]]:
    """Of one meter, or of all: those that ``closed_with`` takes out are told as well."""
    found = pipeline.rows("select kind, subject from fridge.exceptions where closed_at is null order by kind, subject")
    return [(kind, subject) for kind, subject in found if meter is None or subject == meter.event_name]


def test_nobody_closes_a_month_by_a_preparation_that_came_after_the_one_that_was_shown(books: Pipeline) -> None:
    prepare(books)
    seen = prepared_month(books.database, JANUARY)
    books.clock.advance(minutes=1)
    books.land(HOUR, "late.csv", readings("cohoes", HOUR, 1, 10, start=7))
    books.run(HOUR)
    prepare(books)
    grace = signed_in(books.database, "grace")
    with pytest.raises(TotalsChangedError, match="was prepared anew by ada"):
        approve_month(grace, JANUARY, "", books.clock, CLOSE_AFTER, seen)
    assert not is_closed(books)
    approve_month(grace, JANUARY, "", books.clock, CLOSE_AFTER, prepared_month(books.database, JANUARY))


def test_a_late_file_in_a_closed_month_counts_its_restatement_waits_and_is_applied_after_reopening(
    books: Pipeline,
) -> None:
    close(books)
    books.land(HOUR, "late.csv", readings("cohoes", HOUR, 1, 10, start=7))
    report = books.run(HOUR)
    assert report.unsettled == []
    assert books.usage()["cohoes", HOUR.key] == (30, 3)
    assert books.stripe_totals("cohoes")["temperature_readings", HOUR.key] == 20
    assert exceptions(books) == [("month_closed", "active_sensors"), ("month_closed", "temperature_readings")]
    detail = books.one("select detail from fridge.exceptions where subject = 'temperature_readings'")
    assert detail.startswith("30 temperature_readings, of which Stripe has 20: 2026-01 was closed by grace")
    assert "the change of +10 waits" in detail
    assert "fridge reopen 2026-01 --as LOGIN --reason TEXT" in detail
    assert books.swept() == []

    assert reopen(books) == 2
    assert books.swept() == [HOUR]
    books.run(HOUR)
    assert books.stripe_totals("cohoes")["temperature_readings", HOUR.key] == 30
    assert books.stripe_totals("cohoes")["active_sensors", HOUR.key] == 3
    assert exceptions(books) == []
    assert books.swept() == []
    close(books)
    assert is_closed(books)


def test_what_waited_until_stripe_takes_it_no_more_is_too_late_although_the_month_is_closed(books: Pipeline) -> None:
    close(books)
    books.land(HOUR, "late.csv", readings("cohoes", HOUR, 2, 5, start=7))
    books.run(HOUR)
    books.advance(days=34)
    assert books.swept() == [HOUR]
    books.run(HOUR)
    assert exceptions(books) == [("too_late", "active_sensors"), ("too_late", "temperature_readings")]
    reopen(books)
    assert books.swept() == []


@pytest.mark.parametrize("window", list(Window))
def test_what_shrinks_in_a_closed_month_waits_too_and_nothing_is_cancelled(books: Pipeline, window: Window) -> None:
    meter = closed_with(books, window)
    with books.database.connect() as connection:
        connection.execute("insert into fridge.withdrawals select file_id, 'x', 'x', now() from fridge.landing_files")
    books.count(HOUR)
    books.bill(HOUR)
    assert books.stripe_totals("cohoes")[meter.event_name, HOUR.key] == 20
    assert exceptions(books, meter) == [("month_closed", meter.event_name)]
    assert books.one("select count(*) from fridge.meter_event_adjustments") == 0
    reopen(books)
    books.bill(HOUR)
    assert books.stripe_totals("cohoes").get((meter.event_name, HOUR.key), 0) == 0
    assert exceptions(books, meter) == []


@pytest.mark.parametrize("window", list(Window))
@pytest.mark.parametrize(("late", "owed"), [("more", 10), ("less", -20)])
def test_what_waits_in_a_closed_month_has_a_deadline_unless_it_is_a_credit_which_can_be_given_at_any_time(
    books: Pipeline, window: Window, late: str, owed: int
) -> None:
    meter = closed_with(books, window)
    books.land(HOUR, "late.csv", readings("cohoes", HOUR, 1, 10, start=7))
    books.run(HOUR)
    if late == "less":  # and what waited as usage becomes a credit
        for name in ("a.csv", "late.csv"):
            withdraw_file(
                books.database, LocalLanding(str(books.landing)), f"{HOUR.folder}/{name}", "x", "x", books.clock
            )
        books.run(HOUR)
    is_credit = late == "less" and window is Window.NONE
    found = books.rows(
        "select kind, owed, deadline_at, detail from fridge.exceptions where closed_at is null and subject = %s",
        meter.event_name,
    )
    assert [(kind, waiting, deadline is None) for kind, waiting, deadline, _ in found] == [
        ("month_closed", owed, is_credit)
    ]
    assert (", until 20" in found[0][3]) is not is_credit
    books.advance(days=40)
    for _ in range(2):
        if books.swept():
            books.run(HOUR)
    assert books.swept() == []
    assert exceptions(books, meter) == [("month_closed" if is_credit else "too_late", meter.event_name)]


def test_hours_of_other_months_are_billed_while_one_is_closed(books: Pipeline) -> None:
    close(books)
    for hour in (Hour(JANUARY.end), Hour(JANUARY.start).plus(-1)):
        with books.database.connect() as connection:
            assert connection.execute("select fridge.month_is_closed(%s)", [hour.start]).fetchone() == (False,)
    february = Hour(JANUARY.end)
    books.land(february, "b.csv", readings("cohoes", february, 2, 10))
    books.run(february)
    assert books.stripe_totals("cohoes")["temperature_readings", february.key] == 20


@pytest.mark.parametrize("rows", [1, 500])
def test_the_database_refuses_any_statement_for_a_closed_month_and_says_how_to_reopen_it(
    books: Pipeline, rows: int
) -> None:
    """Also when one of many rows is about it, and from whomever it comes."""
    close(books)
    before_its_end = datetime(2026, 1, 31, 22, tzinfo=UTC)
    with books.database.connect() as connection:
        with pytest.raises(REFUSED, match=r"for the hour 2026-01-31-23:00 refused: 2026-01 is closed, by grace") as no:
            connection.execute(STATEMENT, [before_its_end, rows])
        assert no.value.diag.message_hint == "Reopen it first: fridge reopen 2026-01 --as LOGIN --reason TEXT"
        with pytest.raises(REFUSED, match=r"insert on fridge.meter_event_adjustments for the hour 2026-01-31-20:00"):
            connection.execute(
                "insert into fridge.meter_event_adjustments (identifier, staged_at, run_id)"
                " select identifier, now(), 'r' from fridge.meter_events"
            )
        connection.execute(STATEMENT, [JANUARY.end, rows])


@pytest.mark.parametrize("what", ["statement", "cancellation"])
def test_the_database_refuses_to_send_what_was_staged_when_its_month_is_closed(books: Pipeline, what: str) -> None:
    """It cannot come to that: a month with anything staged is not closed. So the guard of that is switched off here."""
    with books.database.owned.connect() as connection:
        connection.execute("alter table fridge.month_signoffs disable trigger month_signoffs_guard")
        connection.execute("alter table fridge.month_signoffs alter column signoff_id set default 1")
        if what == "statement":
            connection.execute(STATEMENT, [HOUR.start, 1])
            table = "meter_events"
        else:
            connection.execute(
                "insert into fridge.meter_event_adjustments (identifier, staged_at, run_id)"
                " select identifier, now(), 'r' from fridge.meter_events limit 1"
            )
            table = "meter_event_adjustments"
        insert(connection, "approve")
        with pytest.raises(REFUSED, match=f"update on fridge.{table} for the hour .* 2026-01 is closed"):
            connection.execute(
                f"update fridge.{table} set status = 'sent', first_sent_at = now() where status = 'staged'".encode()
            )


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        ([], ["approve", "ask_to_reopen", "reopen"]),
        (["prepare"], ["ask_to_reopen", "reopen"]),
        (["prepare", "prepare", "approve"], ["prepare", "approve", "reopen"]),
        (["prepare", "approve", "ask_to_reopen", "ask_to_reopen"], ["prepare", "approve"]),
        (["prepare", "approve", "ask_to_reopen", "reopen"], ["approve", "ask_to_reopen", "reopen"]),
    ],
)
def test_the_database_takes_signatures_in_their_order_only_and_numbers_them_without_gaps(
    books: Pipeline, before: list[str], refused: list[str]
) -> None:
    logins = {"prepare": "ada", "approve": "grace", "ask_to_reopen": "ada", "reopen": "grace"}
    for action in before:
        with pytest.raises(REFUSED):  # what is refused uses up no number
            sign(books, "reopen" if action in {"prepare", "approve"} else "approve", "bob")
        sign(books, action, logins[action])
    for action in refused:
        with pytest.raises(REFUSED, match=f"{action} of 2026-01 refused: the last that was signed"):
            sign(books, action, logins[action])
    assert books.rows("select signoff_id, action from fridge.month_signoffs order by signoff_id") == list(
        enumerate(before, start=1)
    )


@pytest.mark.parametrize(
    "change", ["update fridge.month_signoffs set signed_by = 'Bob'", "delete from fridge.month_signoffs"]
)
def test_a_signature_is_neither_edited_nor_removed(books: Pipeline, change: str) -> None:
    prepare(books)
    with books.database.connect() as connection, pytest.raises((REFUSED, psycopg.errors.InsufficientPrivilege)):
        connection.execute(change.encode())


def test_the_control_totals_say_what_the_month_comes_to(books: Pipeline) -> None:
    books.land(HOUR, "again.csv", [*readings("cohoes", HOUR, 1, 10), ("", "s1", HOUR.start, 4.5)])
    books.run(HOUR)
    prepare(books)
    totals = books.one("select control_totals from fridge.month_signoffs")
    assert totals["files"] == {
        "files": 2, "row_count": 31, "inserted_count": 20, "duplicate_count": 10, "rejected_count": 1
    }  # fmt: skip
    assert totals["meters"]["temperature_readings"] == {
        "usage": 20, "stated": 20, "stripe": None, "tenants": 1, "tenant_hours": 1, "tenant_hours_explained": 0,
        "tenant_hours_not_read": 1,
        "outcome": {
            "usage": 20, "billed": 20, "not_billed": 0, "by_cause": {"billed": {"accepted_by_stripe": 20}}
        },
    }  # fmt: skip


def test_what_lands_while_a_month_is_prepared_is_in_its_totals_if_it_is_in_its_signed_hours(
    books: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing = close_month.signing

    def signing_after_a_late_file(*asked: Any) -> AbstractContextManager[Any]:
        books.land(HOUR, "late.csv", readings("cohoes", HOUR, 1, 10, start=7))
        books.run(HOUR)
        return signing(*asked)

    monkeypatch.setattr(close_month, "signing", signing_after_a_late_file)
    prepare(books)
    of_hours = books.one(
        "select sum(usage_quantity)::int from fridge.signed_hours where meter = 'temperature_readings'"
    )
    totals = books.one("select control_totals from fridge.month_signoffs")["meters"]["temperature_readings"]
    assert (totals["usage"], totals["stated"], of_hours) == (30, 30, 30)


def test_whoever_signs_by_hand_signs_the_totals_that_the_database_adds_up(books: Pipeline) -> None:
    prepare(books)
    person = signed_in(books.database, "ada").person
    assert person is not None
    with person.connect() as connection:
        connection.execute(
            "insert into fridge.month_signoffs (month, action, signed_by, control_totals, signed_at) values"
            """ ('2026-01-01', 'prepare', 'x', '{"meters": {"temperature_readings": {"usage": 1}}}', %s)""",
            [SIGNED_AT],
        )
    totals = books.one("select control_totals from fridge.month_signoffs order by signoff_id desc limit 1")
    assert totals["meters"]["temperature_readings"]["usage"] == 20


def test_what_changed_after_preparing_is_named_and_must_be_prepared_again(books: Pipeline) -> None:
    with pytest.raises(MonthStateError, match="2026-01 is not prepared"):
        approve(books)
    prepare(books)
    books.land(HOUR, "late.csv", readings("cohoes", HOUR, 1, 10, start=7))
    books.run(HOUR)
    with pytest.raises(TotalsChangedError, match="temperature_readings usage was 20 and is 30"):
        approve(books)
    prepare(books)
    approve(books)
    assert is_closed(books)
    for sign_again in (prepare, approve):
        with pytest.raises(MonthStateError, match="closed already; grace signed"):
            sign_again(books)


def stage_by_hand(pipeline: Pipeline) -> None:
    with pipeline.database.connect() as connection:
        connection.execute(STATEMENT, [HOUR.start, 1])


def open_unexplained(pipeline: Pipeline) -> None:
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)"
            " values ('unexplained', 'cohoes', %s, 'temperature_readings', 'Stripe shows 7', now())",
            [HOUR.start],
        )


def lose_usage(pipeline: Pipeline) -> None:
    with pipeline.database.connect() as connection:
        connection.execute("update fridge.usage set quantity = 3 where measure = 'inserted_count'")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (stage_by_hand, r"1 statements are under way \(x1 \(staged\)\)"),
        (open_unexplained, r"1 exceptions of the kind unexplained are open \(cohoes 2026-01-31-20:00 temperature_read"),
        (
            lose_usage,
            r"1 differences of the tie-out are unexplained \(cohoes temperature_readings 2026-01-31-20:00: -17",
        ),
    ],
)
def test_a_month_in_which_something_is_undecided_or_unexplained_is_neither_prepared_nor_approved(
    books: Pipeline, what: Callable[[Pipeline], None], told: str
) -> None:
    prepare(books)
    what(books)
    with pytest.raises(MonthNotReadyError, match=told):
        prepare(books)
    with pytest.raises(MonthNotReadyError, match=told):
        approve(books)
    assert not is_closed(books)


def test_a_month_is_not_prepared_before_its_last_hour_has_closed(pipeline: Pipeline) -> None:
    pipeline.clock.now = datetime(2026, 1, 31, 23, tzinfo=UTC)
    pipeline.add_tenant_with_readings("cohoes", HOUR, 2, 10)
    pipeline.run(HOUR)
    pipeline.clock.now = datetime(2026, 2, 1, 0, 4, tzinfo=UTC)
    with pytest.raises(MonthNotReadyError, match="its last hour closes at 2026-02-01 00:05 UTC"):
        prepare(pipeline)
    pipeline.clock.advance(minutes=1)
    prepare(pipeline)


def test_a_month_is_reopened_with_a_reason_and_only_when_it_is_closed(books: Pipeline) -> None:
    with pytest.raises(MonthStateError, match="2026-01 is not closed"):
        reopen(books)
    close(books)
    with pytest.raises(UnsignedError, match="why 2026-01 is reopened"):
        ask(books, reason=" ")
    assert is_closed(books)


def test_a_month_is_not_closed_over_a_statement_that_is_being_made_meanwhile(books: Pipeline) -> None:
    """Approving waits for whoever stages, and then sees what was staged."""
    prepare(books)
    with books.database.connect() as connection, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            connection.execute(STATEMENT, [HOUR.start, 1])
            approving = pool.submit(approve, books)
            wait_for_a_waiting_lock(books)
        with pytest.raises(MonthNotReadyError, match="1 statements are under way"):
            approving.result(30)


def test_a_statement_is_not_made_in_a_month_that_is_being_closed_meanwhile(books: Pipeline) -> None:
    """Staging waits for whoever signs, and then sees that the month is closed."""
    prepare(books)
    person = signed_in(books.database, "grace").person
    assert person is not None
    with person.connect() as connection, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            insert(connection, "approve")
            staging = pool.submit(stage_by_hand, books)
            wait_for_a_waiting_lock(books)
        with pytest.raises(REFUSED, match="2026-01 is closed"):
            staging.result(30)


def wait_for_a_waiting_lock(pipeline: Pipeline) -> None:
    for _ in range(1000):
        if pipeline.one(
            "select count(*) from pg_locks join pg_database on pg_database.oid = pg_locks.database"
            " where datname = current_database() and locktype = 'advisory' and not granted"
        ):
            return
    raise AssertionError("nobody waits")
