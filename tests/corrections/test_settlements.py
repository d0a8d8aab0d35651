"""A person's recorded end of an exception: what is settled is not asked for again, and only what changes then is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest

from fridge_pipeline.billing.hour_states import hour_states
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.meter import CATALOGUE, Formula, Meter, Window
from fridge_pipeline.corrections.rules.settlement import SettlementRefusedError
from fridge_pipeline.corrections.settle import Decision, Settlement, approve_settlements, settle_exceptions
from fridge_pipeline.corrections.withdraw import withdraw_file
from fridge_pipeline.database.connection import NotEntitledError
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.reason_codes import EXCEPTION_KINDS
from fridge_pipeline.reason_terms import How
from tests.laws.test_one_tenant_per_customer import customers_are
from tests.people import signed_in
from tests.pipeline import Pipeline, readings

READINGS = "temperature_readings"


def open_about(pipeline: Pipeline) -> list[tuple[str, str, int | None]]:
    """(kind, tenant, owed) of what is open about readings."""
    return pipeline.rows(
        "select kind, tenant_id, owed from fridge.open_exceptions"
        " where subject = %s or subject like 'temperature_readings:%%' order by tenant_id, kind",
        READINGS,
    )


def settle(pipeline: Pipeline, how: How, *, document: str | None = "II-7") -> Settlement:
    """Ends the one open exception about readings."""
    exception_id = pipeline.one(
        "select exception_id from fridge.open_exceptions where subject = %s or subject like 'temperature_readings:%%'",
        READINGS,
    )
    (settlement,) = settle_exceptions(pipeline.as_run(), [exception_id], Decision(how, "agreed by mail", document))
    return settlement


def tie_out(pipeline: Pipeline, hour: Hour) -> tuple[object, ...]:
    """(difference in the ledger, cause, status) of the hour's readings."""
    pipeline.run_models(hour)
    ((found),) = pipeline.rows(
        "select difference_in_ledger, cause_in_ledger, status from fridge.tie_out where meter = %s and hour = %s",
        READINGS,
        hour.start,
    )
    return tuple(found)


def opened_exception(pipeline: Pipeline, kind: str, subject: str = READINGS) -> int:
    """The number of a new one about an hour, of no one tenant."""
    with pipeline.database.connect() as connection:
        row = connection.execute(
            "insert into fridge.exceptions (kind, hour, subject, detail, opened_at)"
            " values (%s, '2026-01-01 00:00+00', %s, 'x', now()) returning exception_id",
            [kind, subject],
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def readings_only(pipeline: Pipeline) -> Pipeline:
    """Only the meter of readings, so that there is one exception of each kind."""
    return replace(pipeline, catalogue=CATALOGUE[:1])


@pytest.fixture
def late(readings_only: Pipeline) -> Hour:
    """An hour of forty days ago, of a tenant with a customer: ten readings that Stripe takes no more."""
    hour = Hour.containing(readings_only.clock.now - timedelta(days=40))
    readings_only.add_tenant("cohoes")
    readings_only.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    readings_only.run(hour)
    return hour


@pytest.mark.parametrize("how", [How.WRITTEN_OFF, How.INVOICED_BY_HAND])
def test_what_is_settled_explains_the_hour_and_never_opens_again_and_a_late_file_opens_its_difference_only(
    readings_only: Pipeline, late: Hour, how: How
) -> None:
    pipeline = readings_only
    assert open_about(pipeline) == [("too_late", "cohoes", 10)]
    settled = settle(pipeline, how)
    assert (settled.quantity, settled.waits) == (10, False)
    for _ in range(2):
        assert pipeline.swept() == []
        pipeline.run(late)
    assert open_about(pipeline) == []
    assert tie_out(pipeline, late) == (-10, how.value, "explained")
    assert pipeline.failing_tests() == set()

    pipeline.land(late, "late.csv", readings("cohoes", late, 1, 4, start=5))
    pipeline.run(late)
    assert open_about(pipeline) == [("too_late", "cohoes", 4)]
    assert pipeline.swept() == []
    settle(pipeline, How.WRITTEN_OFF)
    pipeline.run(late)
    assert open_about(pipeline) == []
    assert pipeline.rows("select sum(quantity)::int from fridge.settlements") == [(14,)]


def test_usage_that_shrinks_makes_a_write_off_less_and_an_invoice_by_hand_a_credit(
    readings_only: Pipeline, late: Hour
) -> None:
    pipeline = readings_only
    other = pipeline.land(late, "b.csv", readings("cohoes", late, 1, 6, start=3))
    pipeline.run(late)
    assert open_about(pipeline) == [("too_late", "cohoes", 16)]
    settle(pipeline, How.INVOICED_BY_HAND)
    zone = LocalLanding(str(pipeline.landing))
    withdraw_file(pipeline.database, zone, f"{late.folder}/{other.name}", "test bench", "ada", pipeline.clock)
    pipeline.run(late)
    assert open_about(pipeline) == [("credit_due", "cohoes", -6)]
    detail = pipeline.one("select detail from fridge.open_exceptions")
    assert "16 were invoiced by hand before" in detail
    assert "a credit for 6," in detail
    with pytest.raises(SettlementRefusedError, match="is not settled as written_off, but as credited"):
        settle(pipeline, How.WRITTEN_OFF)
    assert settle(pipeline, How.CREDITED).quantity == -6
    pipeline.run(late)
    assert (open_about(pipeline), pipeline.swept()) == ([], [])
    assert tie_out(pipeline, late)[0] == -10


@pytest.mark.parametrize("window", list(Window))
def test_usage_that_shrinks_to_what_stripe_has_is_too_much_beside_an_invoice_by_hand(
    readings_only: Pipeline, two_days_ago: datetime, window: Window
) -> None:
    """Two equal numbers are not all that the customer pays for."""
    meter = replace(CATALOGUE[0], event_name="raw" if window is Window.NONE else READINGS, window=window)
    pipeline = replace(readings_only, catalogue=(meter,))
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 7))
    pipeline.run(hour)
    number = pipeline.one("select exception_id from fridge.open_exceptions")
    settle_exceptions(pipeline.as_run(), [number], Decision(How.INVOICED_BY_HAND, "agreed by mail", "II-7"))
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 1, 5, start=3))
    pipeline.run(hour)
    assert pipeline.stripe_totals("cohoes") == {(meter.event_name, hour.key): 5}
    zone = LocalLanding(str(pipeline.landing))
    withdraw_file(pipeline.database, zone, f"{hour.folder}/a.csv", "test bench", "ada", pipeline.clock)
    pipeline.run(hour)
    for found in pipeline.swept():
        pipeline.run(found)
    assert pipeline.swept() == []
    assert pipeline.stripe_totals("cohoes").get((meter.event_name, hour.key), 0) == 0
    assert pipeline.rows("select kind, owed from fridge.open_exceptions") == [("credit_due", -2)]
    pipeline.run_models(hour)
    assert pipeline.failing_tests() == set()


def test_a_write_off_takes_nothing_back_when_usage_shrinks(readings_only: Pipeline, late: Hour) -> None:
    settle(readings_only, How.WRITTEN_OFF, document=None)
    zone = LocalLanding(str(readings_only.landing))
    withdraw_file(readings_only.database, zone, f"{late.folder}/a.csv", "test bench", "ada", readings_only.clock)
    readings_only.run(late)
    assert (open_about(readings_only), readings_only.swept()) == ([], [])


@pytest.mark.parametrize("window", list(Window))
def test_what_was_written_off_before_the_tenant_had_a_customer_is_not_billed_when_it_has_one(
    pipeline: Pipeline, two_days_ago: datetime, window: Window
) -> None:
    meter = Meter(READINGS if window is Window.HOUR else "raw", "Readings", CATALOGUE[0].measure, Formula.SUM, window)
    pipeline, hour = replace(pipeline, catalogue=(meter,)), Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    (exception_id,) = pipeline.rows("select exception_id from fridge.open_exceptions")[0]
    settle_exceptions(pipeline.as_run(), [exception_id], Decision(How.WRITTEN_OFF, "free trial"))
    pipeline.add_tenant("cohoes")
    assert pipeline.swept() == []
    pipeline.run(hour)
    assert pipeline.stripe_totals("cohoes") == {}
    for number, total in ((4, 4), (3, 7)):
        pipeline.land(hour, f"{number}.csv", readings("cohoes", hour, 1, number, start=number))
        pipeline.run(hour)
        assert pipeline.stripe_totals("cohoes")[meter.event_name, hour.key] == total
    assert pipeline.rows("select kind from fridge.open_exceptions") == []


@pytest.mark.parametrize("how", [How.WRITTEN_OFF, How.INVOICED_BY_HAND])
def test_what_is_settled_of_a_tenant_without_a_customer_neither_waits_nor_is_undelivered(
    readings_only: Pipeline, two_days_ago: datetime, how: How
) -> None:
    pipeline, hour = readings_only, Hour(two_days_ago)

    def waits() -> tuple[list[int], list[tuple[int, str]]]:
        pipeline.run_models(hour)
        with pipeline.database.connect() as connection:
            states = hour_states(connection, HourRange(hour, hour), pipeline.catalogue)
        unmapped = pipeline.rows("select quantity::int from fridge.unmapped_usage where meter = %s", READINGS)
        return [quantity for (quantity,) in unmapped], [(state.unstated, state.delivery.value) for state in states]

    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    assert waits() == ([10], [(0, "excepted")])
    settle(pipeline, how)
    assert waits() == ([], [(0, "delivered")])
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 4, start=5))
    pipeline.run(hour)
    assert waits() == ([4], [(0, "excepted")])


def test_a_customer_that_is_gone_is_settled_for_the_difference_and_a_later_one_opens_anew(
    readings_only: Pipeline, two_days_ago: datetime
) -> None:
    pipeline, hour = readings_only, Hour(two_days_ago)
    customer = pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    pipeline.sandbox.settings(deleted_customers="refuse")
    pipeline.sandbox.client().v1.customers.delete(customer)
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 4, start=5))
    pipeline.run(hour)
    assert open_about(pipeline) == [("customer_gone", "cohoes", 4)]
    settle(pipeline, How.INVOICED_BY_HAND)
    pipeline.run(hour)
    assert (open_about(pipeline), pipeline.swept()) == ([], [])
    assert tie_out(pipeline, hour) == (-4, "invoiced_by_hand", "explained")
    pipeline.land(hour, "later.csv", readings("cohoes", hour, 1, 2, start=6))
    pipeline.run(hour)
    assert open_about(pipeline) == [("customer_gone", "cohoes", 2)]


def test_a_credit_ends_what_stripe_has_too_much_and_the_next_change_is_stated_from_there(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    meter = Meter(READINGS, "Readings", CATALOGUE[0].measure, Formula.SUM, Window.NONE)
    pipeline = replace(pipeline, catalogue=(replace(meter, event_name="raw"),))
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    pipeline.advance(hours=25)
    withdraw_file(
        pipeline.database, LocalLanding(str(pipeline.landing)), f"{hour.folder}/a.csv", "test", "ada", pipeline.clock
    )
    pipeline.run(hour)
    ((exception_id, kind),) = pipeline.rows("select exception_id, kind from fridge.open_exceptions")
    assert kind == "credit_due"
    (done,) = settle_exceptions(pipeline.as_run(), [exception_id], Decision(How.CREDITED, "agreed", "CN-1"))
    assert done.quantity == -10
    pipeline.run(hour)
    assert (pipeline.swept(), pipeline.rows("select kind from fridge.open_exceptions")) == ([], [])
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 1, 3, start=2))
    pipeline.run(hour)
    assert pipeline.stripe_totals("cohoes")["raw", hour.key] == 13  # of which ten are credited


def test_more_than_one_person_may_settle_alone_takes_another_login_however_it_is_split(readings_only: Pipeline) -> None:
    pipeline = readings_only
    hour = Hour.containing(pipeline.clock.now - timedelta(days=40)).plus(0)
    pipeline.add_tenant("cohoes")
    for number, count in enumerate((600, 500)):
        pipeline.land(hour.plus(number), "a.csv", readings("cohoes", hour.plus(number), 1, count))
    pipeline.run(hour, hour.plus(1))
    ids = [each for (each,) in pipeline.rows("select exception_id from fridge.open_exceptions order by hour")]
    decision = Decision(How.WRITTEN_OFF, "a broken gateway")
    with pytest.raises(NotEntitledError, match="no person with the role operator or approver"):
        settle_exceptions(pipeline.as_run(), ids, decision)
    olga, oscar = (
        replace(pipeline.as_run(), database=signed_in(pipeline.database, each)) for each in ("olga", "oscar")
    )
    first, second = settle_exceptions(olga, ids, decision)
    assert (first.waits, second.waits) == (False, True)
    assert pipeline.rows("select exception_id from fridge.settlements") == [(ids[0],)]
    pipeline.run(hour, hour.plus(1))
    assert open_about(pipeline) == [("too_late", "cohoes", 500)], "nothing is in force before the second person"

    with pytest.raises(SettlementRefusedError, match="olga decided it"):
        approve_settlements(olga, [second.settlement_id])
    with pytest.raises(NotEntitledError):
        approve_settlements(pipeline.as_run(), [second.settlement_id])
    approved = approve_settlements(oscar, [second.settlement_id])
    assert [each.exception_id for each in approved] == [ids[1]]
    pipeline.run(hour, hour.plus(1))
    assert (open_about(pipeline), pipeline.swept()) == ([], [])
    assert pipeline.rows("select settled_by, approved_by from fridge.settlements order by settlement_id") == [
        ("olga", None),
        ("olga", "oscar"),
    ]
    with pytest.raises(SettlementRefusedError, match="was approved before"):
        approve_settlements(oscar, [second.settlement_id])


@pytest.mark.parametrize(
    ("quantity", "shares", "waits"),
    [
        (3, '{"t1": 1000000}', None),
        (3, '{"t1": 1000000, "t2": -999997}', True),
        (3, '{"t1": "0.5", "t2": 2.5}', None),
        (1000, '{"t1": 600, "t2": 400}', False),
        (1001, '{"t1": 600, "t2": 401}', True),
    ],
)
def test_nobody_settles_alone_more_than_the_bound_as_shares_that_come_to_little(
    pipeline: Pipeline, quantity: int, shares: str, *, waits: bool | None
) -> None:
    exception_id = opened_exception(pipeline, "too_late")
    olga = signed_in(pipeline.database, "olga").person
    assert olga is not None
    with olga.connect() as connection:
        try:
            row = connection.execute(
                "insert into fridge.settlement_decisions (exception_id, event_name, how, quantity, shares, reason)"
                " values (%s, %s, 'written_off', %s, %s, 'x') returning takes_two",
                [exception_id, READINGS, quantity, shares],
            ).fetchone()
        except (psycopg.errors.RestrictViolation, psycopg.errors.InvalidTextRepresentation):
            row = (None,)
    assert row == (waits,)


def test_periods_of_invoices_are_settled_of_invoices_only_and_are_read_when_they_are_written(
    pipeline: Pipeline,
) -> None:
    period = '"period_start": "2026-01-01T00:00Z", "period_end": "2026-02-01T00:00Z"'
    other = '"period_start": "2026-01-01T00:00Z", "period_end": "2026-03-01T00:00Z"'
    too_much = f'[{{"customer_id": "cus_1", {period}, "quantity": 900000}}, {{"customer_id": "cus_1", {other}, '
    with pipeline.database.connect() as connection:
        for ends_at in ("2026-02-01 00:00+00", "2026-03-01 00:00+00"):
            connection.execute(
                "insert into fridge.invoice_comparisons (stripe_customer_id, event_name, period_start, period_end,"
                " usage_quantity, accepted_quantity, invoice_quantity, difference, cause, compared_at)"
                " values ('cus_1', %s, '2026-01-01 00:00+00', %s, 3, 3, 0, -3, 'not_accepted', now())",
                [READINGS, ends_at],
            )
    excepted = {
        "too_late": opened_exception(pipeline, "too_late"),
        "not_invoiced": opened_exception(pipeline, "not_invoiced", f"{READINGS} cus_1"),
    }
    olga = signed_in(pipeline.database, "olga").person
    assert olga is not None
    for kind, places, waits in (
        ("too_late", f'[{{"customer_id": "cus_1", {period}, "quantity": 3}}]', None),
        ("not_invoiced", f'[{{"customer_id": "cus_1", {period}, "quantity": 3}}]', False),
        ("not_invoiced", f'{too_much}"quantity": -899997}}]', True),
        ("not_invoiced", f'[{{"customer_id": "cus_1", {period}, "quantity": 4}}]', None),
        ("not_invoiced", '[{"customer_id": "cus_1", "quantity": 3}]', None),
        ("not_invoiced", f'[{{"customer_id": "cus_1", {period}, "quantity": 3, "amount": "much"}}]', None),
    ):
        with olga.connect() as connection:
            try:
                row = connection.execute(
                    "insert into fridge.settlement_decisions (exception_id, event_name, how, quantity, places, reason)"
                    " values (%s, %s, 'written_off', 3, %s, 'x') returning takes_two",
                    [excepted[kind], READINGS, places],
                ).fetchone()
            except (psycopg.errors.RestrictViolation, psycopg.errors.InvalidTextRepresentation):
                row = (None,)
        assert (kind, places, row) == (kind, places, (waits,))


def test_an_approval_is_refused_when_something_else_is_owed_by_then(readings_only: Pipeline) -> None:
    pipeline = readings_only
    hour = Hour.containing(pipeline.clock.now - timedelta(days=40))
    pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 1200))
    pipeline.run(hour)
    decided = settle(replace(pipeline, database=signed_in(pipeline.database, "olga")), How.WRITTEN_OFF)
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 1, 5, start=3))
    pipeline.run(hour)
    with pytest.raises(SettlementRefusedError, match="was decided for 1200, and 1205 is owed now"):
        approve_settlements(
            replace(pipeline.as_run(), database=signed_in(pipeline.database, "oscar")), [decided.settlement_id]
        )


def test_one_exception_about_many_tenants_is_settled_for_each_of_them(
    readings_only: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = readings_only
    monkeypatch.setattr("fridge_pipeline.billing.rules.waiting.TOLD_ALONE_MAX", 1)
    hour = Hour.containing(pipeline.clock.now - timedelta(days=40))
    pipeline.land(hour, "a.csv", [row for n in range(1, 4) for row in readings(f"t{n}", hour, 1, n)])
    pipeline.run(hour)
    assert open_about(pipeline) == [("too_late", "t3", 3), ("too_late", None, 3)]
    together = pipeline.one("select exception_id from fridge.open_exceptions where tenant_id is null")
    settle_exceptions(pipeline.as_run(), [together], Decision(How.WRITTEN_OFF, "nobody knows them"))
    pipeline.run(hour)
    assert open_about(pipeline) == [("too_late", "t3", 3)]
    assert pipeline.swept() == []
    assert pipeline.rows("select tenant_id, written_off from fridge.settled_usage order by 1") == [("t1", 1), ("t2", 2)]


@pytest.mark.parametrize(
    ("how", "document", "reason", "told"),
    [
        (How.CREDITED, "CN-1", "x", "not about too much: it is invoiced_by_hand or written_off"),
        (How.INVOICED_BY_HAND, " ", "x", "needs the document that did it"),
        (How.WRITTEN_OFF, None, " ", "the reason stays on record"),
        (How.COUNTED, None, "x", "is not settled as counted, but as written_off or invoiced_by_hand or credited"),
    ],
)
def test_a_settlement_that_cannot_be_is_refused_with_what_can(
    readings_only: Pipeline, late: Hour, how: How, document: str | None, reason: str, told: str
) -> None:
    assert late
    exception_id = readings_only.one("select exception_id from fridge.open_exceptions")
    with pytest.raises(SettlementRefusedError, match=told):
        settle_exceptions(readings_only.as_run(), [exception_id], Decision(how, reason, document))
    assert readings_only.rows("select * from fridge.settlement_decisions") == []


def test_kinds_that_end_by_themselves_are_refused_with_what_to_do_by_the_program_and_by_the_database(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    endless = [kind for kind, each in EXCEPTION_KINDS.items() if not each.ends]
    assert {"held_for_review", "contradiction", "load_failed"} <= set(endless)
    for kind in endless:
        with pipeline.database.connect() as connection:
            row = connection.execute(
                "insert into fridge.exceptions (kind, tenant_id, hour, subject, detail, opened_at)"
                " values (%s, 't', %s, %s, 'd', %s) returning exception_id",
                [kind, two_days_ago, READINGS, pipeline.clock()],
            ).fetchone()
            assert row is not None
            with pytest.raises(psycopg.errors.RestrictViolation, match="is not settled as"):
                connection.execute(
                    "insert into fridge.settlement_decisions (exception_id, how, reason) values (%s, 'no_loss', 'x')",
                    [row[0]],
                )
        with pytest.raises(SettlementRefusedError, match="it ends by itself"):
            settle_exceptions(pipeline.as_run(), [row[0]], Decision(How.WRITTEN_OFF, "x"))


def test_a_decision_is_neither_edited_nor_deleted_and_not_about_what_is_over(
    readings_only: Pipeline, late: Hour
) -> None:
    assert late
    settled = settle(readings_only, How.WRITTEN_OFF)
    with pytest.raises(SettlementRefusedError, match="nothing of it is left to settle"):
        settle_exceptions(readings_only.as_run(), [settled.exception_id], Decision(How.WRITTEN_OFF, "x"))
    for statement in (
        "update fridge.settlement_decisions set reason = 'y'",
        "delete from fridge.settlement_decisions",
        "truncate fridge.settlement_decisions, fridge.settlement_approvals",
    ):
        with (
            pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)),
            readings_only.database.owned.connect() as connection,
        ):
            connection.execute(statement.encode())


def test_a_refusal_whose_cause_is_gone_is_stated_again(readings_only: Pipeline, two_days_ago: datetime) -> None:
    pipeline, hour = readings_only, Hour(two_days_ago)
    pipeline.add_tenant("cohoes", "not_a_customer")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    assert open_about(pipeline) == [("refused", "cohoes", 10)]
    settle(pipeline, How.STATE_AGAIN)
    assert pipeline.swept() == [hour]
    pipeline.run(hour)
    assert pipeline.one("select max(revision) from fridge.meter_events") == 2


@pytest.mark.parametrize("how", [How.COUNTED, How.NOT_COUNTED])
def test_what_a_person_knows_of_a_statement_in_doubt_goes_into_the_ledger(
    readings_only: Pipeline, two_days_ago: datetime, how: How
) -> None:
    pipeline, hour = readings_only, Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.sandbox.faults({"kind": "drop_before", "endpoint": "/v1/billing/meter_events", "times": 50})
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    pipeline.sandbox.clear_faults()
    pipeline.advance(hours=21)
    pipeline.bill(hour)
    assert open_about(pipeline) == [("unexplained", "cohoes", None)]
    settle(pipeline, how)
    ((status, answer),) = pipeline.rows("select status, answer from fridge.meter_events")
    assert answer == f"decided by hand: {how}: agreed by mail"
    assert status == ("accepted" if how is How.COUNTED else "missing")
    assert pipeline.swept() == ([] if how is How.COUNTED else [hour])


def test_a_restatement_to_another_customer_of_a_settled_hour_states_what_is_not_settled(
    readings_only: Pipeline, two_days_ago: datetime
) -> None:
    """A customer that is another tenant's for the hour: invoiced by hand, and the customer of its own comes later."""
    pipeline, hour = readings_only, Hour(two_days_ago)
    customer = pipeline.add_tenant("one")
    pipeline.land(hour, "a.csv", readings("one", hour, 1, 10) + readings("two", hour, 1, 6))
    pipeline.run(hour)
    customers_are(pipeline, {"one": None, "two": customer})
    pipeline.run(hour)
    assert open_about(pipeline) == [("customer_taken", "two", 6)]
    settle(pipeline, How.INVOICED_BY_HAND)
    pipeline.add_tenant("two")
    pipeline.run(hour)
    assert (open_about(pipeline), pipeline.swept(), pipeline.stripe_totals("two")) == ([], [], {})


def test_what_somebody_else_stated_is_credited_and_later_reconciliations_and_the_tie_out_know_it(
    readings_only: Pipeline, two_days_ago: datetime
) -> None:
    pipeline, hour = readings_only, Hour(two_days_ago)
    meter = Meter("raw", "Readings", CATALOGUE[0].measure, Formula.SUM, Window.NONE)
    pipeline = replace(pipeline, catalogue=(meter,))
    customer = pipeline.add_tenant("cohoes")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    pipeline.sandbox.client().v1.billing.meter_events.create(
        {
            "event_name": "raw",
            "payload": {"stripe_customer_id": customer, "value": "7"},
            "timestamp": int(hour.start.timestamp()) + 60,
        }
    )
    pipeline.clock.advance(hours=7)
    day = DayRange(day_of(hour), day_of(hour))
    pipeline.reconcile(day)
    ((exception_id, kind),) = pipeline.rows("select exception_id, kind from fridge.open_exceptions")
    assert kind == "unexplained"
    (done,) = settle_exceptions(pipeline.as_run(), [exception_id], Decision(How.CREDITED, "a test by hand", "cn_1"))
    assert done.quantity == -7
    pipeline.reconcile(day)
    assert (pipeline.swept(), pipeline.rows("select kind from fridge.open_exceptions")) == ([], [])
    pipeline.run_models(hour)
    assert pipeline.rows(
        "select stated_quantity, stripe_quantity::int, difference_in_stripe::int, cause_in_stripe, status"
        " from fridge.tie_out where hour = %s",
        hour.start,
    ) == [(10, 17, 7, "credited", "explained")]
    assert pipeline.rows("select outcome, cause, quantity::int from fridge.month_outcome order by cause") == [
        ("billed", "counted_by_stripe", 17),
        ("billed", "credited", -7),
    ]
    assert "outcomes_add_up_to_usage" not in pipeline.failing_tests()


def test_usage_that_we_never_stated_is_credited_like_what_somebody_else_added_to_ours(
    readings_only: Pipeline, two_days_ago: datetime
) -> None:
    pipeline, hour = readings_only, Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    customer = pipeline.add_tenant("albany")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 10))
    pipeline.run(hour)
    pipeline.sandbox.client().v1.billing.meter_events.create(
        {
            "event_name": READINGS,
            "payload": {"stripe_customer_id": customer, "value": "7"},
            "timestamp": int(hour.start.timestamp()) + 1800,
        }
    )
    day = DayRange(day_of(hour), day_of(hour))
    pipeline.reconcile(day)
    assert open_about(pipeline) == [("not_stated_by_us", "albany", -7)]
    with pytest.raises(SettlementRefusedError, match=r"is not settled as written_off, but as credited"):
        settle(pipeline, How.WRITTEN_OFF)
    assert settle(pipeline, How.CREDITED).quantity == -7
    pipeline.reconcile(day)
    assert (pipeline.swept(), open_about(pipeline)) == ([], [])
    pipeline.run_models(hour)
    assert pipeline.rows(
        "select usage_quantity, credited_quantity, stripe_quantity::int, cause, status from fridge.tie_out"
        " where tenant_id = 'albany'"
    ) == [(None, None, 7, "credited", "explained")]
    assert pipeline.rows("select outcome, cause, quantity::int from fridge.month_outcome order by cause") == [
        ("billed", "counted_by_stripe", 17),
        ("billed", "credited", -7),
    ]
    assert not pipeline.failing_tests() & {"nothing_is_unexplained", "outcomes_add_up_to_usage"}
