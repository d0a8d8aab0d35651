"""Shadow mode: everything is counted as when it is billed, and nothing is stated, whoever asks."""

from __future__ import annotations

from datetime import datetime

import psycopg
import pytest

from fridge_pipeline.billing.assets import bill_metadata
from fridge_pipeline.billing.hours_to_bill import find_hours_to_bill
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.installation import open_ledger
from fridge_pipeline.operations.check_health import check_billing_start
from fridge_pipeline.operations.rules.health_check import Grade
from fridge_pipeline.settings import SettingError, read_settings
from fridge_pipeline.stripe.gateway import NotBilledError, StripeGateway
from fridge_pipeline.stripe.retries import RateLimiter
from fridge_pipeline.stripe.rules.api_key import SANDBOX_KEY
from fridge_pipeline.stripe.rules.meter_event import MeterEvent
from tests.console_script import Run
from tests.operations.conftest import Watch
from tests.pipeline import CLOSE_AFTER, Pipeline, ProcessDied, dies_after, gateway_to, readings
from tests.reconciliation.shadow.conftest import BOTH_WAYS, READINGS, Books

BY_HAND = """
    insert into fridge.meter_events (identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value,
    timestamp, staged_at, run_id)
    values (%s::text, 'by_hand', 'cohoes', 'cus_x', %s, 1, 7, %s::timestamptz + interval '30 minutes', now(), 'r')
"""


def to_bill(books: Books) -> list[Hour]:
    line = books.pipeline
    grid = HourRange(books.first, Hour.containing(line.clock()))
    zone = LocalLanding(str(line.landing))
    return find_hours_to_bill(line.as_run(), zone, grid, CLOSE_AFTER)


@BOTH_WAYS
def test_what_is_counted_is_the_same_as_when_it_is_billed_and_not_one_meter_event_is_sent(books: Books) -> None:
    books.land()
    books.run()
    counted = books.pipeline.usage()
    assert counted == {
        (tenant, books.first.plus(number).key): (2 * (5 + number), 2)
        for tenant in ("cohoes", "troy")
        for number in range(6)
    }
    assert books.posts() == []
    assert books.pipeline.sandbox.usage()["data"] == []
    assert books.pipeline.rows("select * from fridge.meter_events") == []
    books.bill_from(books.first)
    books.run()
    assert books.pipeline.usage() == counted
    assert len(books.posts()) == 24


def test_a_sweep_finds_nothing_left_to_do_in_counted_hours_and_still_sees_what_was_not_loaded(books: Books) -> None:
    books.land()
    assert to_bill(books) == [books.first.plus(number) for number in range(6)]
    books.run()
    assert (to_bill(books), to_bill(books)) == ([], [])
    assert books.pipeline.one("select count(*) from fridge.marked_hours") == 0
    books.pipeline.land(books.last, "late.csv", readings("troy", books.last, 1, 3, start=8))
    assert to_bill(books) == [books.last]


def test_usage_that_nobody_could_be_billed_for_opens_no_exception_and_no_alert_of_the_canary(books: Books) -> None:
    line = books.pipeline
    now_hour = Hour.containing(line.clock())
    line.land(books.first, "x.csv", readings("nobody", books.first, 1, 5))
    books.run()
    watch = Watch(line, [], flies_canary=True)
    watch.look()
    line.advance(hours=4)
    assert watch.look().alerts == []
    assert books.exceptions() == []
    assert line.rows("select * from fridge.unmapped_usage") == []
    books.bill_from(now_hour)
    assert [alert.family.value for alert in watch.look().alerts] == ["canary"]


def test_what_was_staged_when_shadow_mode_began_is_never_sent(books: Books) -> None:
    books.bill_from(books.first)
    books.land()
    books.pipeline.load(books.first, books.last)
    books.pipeline.count(books.first, books.last)
    books.pipeline.bill(books.first, books.last, open_gateway=lambda: gateway_to("http://127.0.0.1:1"))
    assert books.pipeline.rows("select distinct status from fridge.meter_events") == [("staged",)]
    books.bill_from(None)
    assert books.pipeline.rows("select distinct status from fridge.meter_events") == [("superseded",)]
    books.run()
    assert (books.posts(), to_bill(books)) == ([], [])


def test_what_was_under_way_when_shadow_mode_began_is_not_sent_again_but_read_back(books: Books) -> None:
    books.bill_from(books.first)
    books.land(tenants=("cohoes",))
    with pytest.raises(ProcessDied):
        books.pipeline.run(books.first, at_failpoint=dies_after(Failpoint.MARKED_SENT))
    books.bill_from(None)
    books.pipeline.bill(books.first)
    assert books.posts() == []
    for hours in (25, 7):  # absent in two readings at least six hours apart
        books.pipeline.advance(hours=hours)
        books.pipeline.bill(books.first)
    assert books.pipeline.rows("select distinct status from fridge.meter_events") == [("missing",)]
    assert (books.posts(), books.exceptions(), books.swept()) == ([], [], [])


def test_the_database_refuses_everybody_statements_of_hours_that_are_not_billed_and_sending_them(books: Books) -> None:
    switch = books.first.plus(3)
    early, due = switch.plus(-1).start, switch.start
    books.bill_from(switch)
    with books.pipeline.database.connect() as connection:
        with pytest.raises(psycopg.errors.RestrictViolation, match=f"usage is stated from {switch} on"):
            connection.execute(BY_HAND, ["early", early, early])
        connection.execute(BY_HAND, ["due", due, due])
        connection.execute(
            "update fridge.meter_events set status = 'sent', attempts = 1, first_sent_at = now(), last_sent_at = now()"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("update fridge.billing_starts set bill_from = '-infinity'")
        books.bill_from(None)
        for statement in (
            "update fridge.meter_events set attempts = 2",
            "insert into fridge.meter_event_adjustments (identifier, staged_at, run_id) values ('due', now(), 'r')",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation, match="usage is stated from no hour on"):
                connection.execute(statement)
        connection.execute("update fridge.meter_events set status = 'unknown'")  # an answer may still be written


def test_the_gateway_refuses_what_is_not_billed_before_anything_leaves(
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    event = MeterEvent(READINGS, "cohoes", "cus_x", hour, 1, 5)
    for start in (BillingStart(None), BillingStart(hour.plus(1))):
        gateway = StripeGateway(
            SANDBOX_KEY, pipeline.sandbox.url, RateLimiter(1000, lambda: 0.0, lambda _: None), start
        )
        for call in (gateway.state_usage, gateway.cancel_usage):
            with pytest.raises(NotBilledError, match=r"r1 is not sent: .* never stated|r1 is not sent: shadow mode"):
                call(event)
    assert [each for each in pipeline.sandbox.requests() if "/meter_event" in each["path"]] == []


def test_a_process_without_the_setting_keeps_to_what_the_books_were_told(
    run: Run, pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    environment = {"FRIDGE_DATABASE_URL": pipeline.database.dsn, "FRIDGE_HOME": str(pipeline.workspace)}
    with open_ledger(read_settings({**environment, "FRIDGE_BILL_FROM": "never"}), decides_start=True) as told:
        assert told.billing_start == BillingStart(None)
    forgetful = run("bill", "--from", hour.key, "--to", hour.key)
    assert (forgetful.returncode, "shadow mode: hours are counted and nothing is stated" in forgetful.stderr) == (
        0,
        True,
    )
    assert pipeline.usage() == {("cohoes", hour.key): (10, 2)}
    assert pipeline.sandbox.usage()["data"] == []
    with open_ledger(read_settings({**environment, "FRIDGE_BILL_FROM": hour.key}), decides_start=True) as decided:
        assert decided.billing_start == BillingStart(hour)
    assert pipeline.bill(hour).hours[0].accepted == 2


def test_each_hour_and_the_doctor_say_that_it_is_counted_and_not_stated(books: Books) -> None:
    books.land()
    line = books.pipeline
    books.bill_from(books.last)
    report = line.run(books.first, books.last)
    states = [bill_metadata(bill)["state"] for bill in report.hours]
    assert states == ["counted, not stated: before FRIDGE_BILL_FROM"] * 5 + ["delivered"]
    found = {}
    for start in (None, books.last):
        books.bill_from(start)
        finding = check_billing_start(line.database, None, line.clock())
        found[start] = (finding.grade, finding.text)
    assert found == {
        None: (Grade.WARN, "shadow mode: hours are counted and nothing is stated to Stripe"),
        books.last: (Grade.OK, f"hours before {books.last} are counted and never stated to Stripe"),
    }


def test_a_setting_that_is_no_hour_is_refused_by_its_name() -> None:
    assert read_settings({"FRIDGE_BILL_FROM": ""}).bill_from is None
    assert read_settings({"FRIDGE_BILL_FROM": "never"}).bill_from == BillingStart(None)
    for wrong in ("Never", "2026-01-24", "2026-01-24-18:30", "no"):
        with pytest.raises(SettingError, match=r"^FRIDGE_BILL_FROM: .*, or never$"):
            read_settings({"FRIDGE_BILL_FROM": wrong})
