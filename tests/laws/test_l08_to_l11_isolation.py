"""L8 tenants do not hurt each other, L9 ingestion does not know Stripe, L10 missing is not zero, L11 live keys."""

from __future__ import annotations

from datetime import datetime, timedelta

import dagster as dg
import pytest

from fridge_pipeline.billing.bill import explain_unsettled
from fridge_pipeline.billing.delivery_record import WrongBooksError
from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.table_file import TableRefusedError
from fridge_pipeline.database.run import Failpoint
from fridge_pipeline.definitions import build_definitions
from fridge_pipeline.installation import open_installation
from fridge_pipeline.resources import RESOURCES
from fridge_pipeline.settings import read_settings
from fridge_pipeline.stripe.reads import summed_usage
from fridge_pipeline.stripe.rules.api_key import ApiKey, LiveKeyRefusedError
from tests.pipeline import Pipeline, ProcessDied, dies_after, gateway_to, readings


def test_L8_a_customer_that_stripe_refuses_stops_only_its_own_tenant_hour(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("cohoes")
    pipeline.add_tenant("troy", "not a customer id")
    pipeline.land(hour, "a.csv", readings("cohoes", hour, 1, 5) + readings("troy", hour, 1, 5))
    report = pipeline.run(hour)
    assert (report.delivery.accepted, report.delivery.stopped, len(report.unsettled)) == (2, None, 0)
    assert set(pipeline.rows("select tenant_id, status from fridge.meter_events")) == {
        ("cohoes", "accepted"),
        ("troy", "refused"),
    }
    assert pipeline.rows("select distinct kind, tenant_id from fridge.exceptions") == [("refused", "troy")]
    assert pipeline.run(hour).delivery.outcomes == {}, "a refusal is not repeated while its cause stands"


def test_L8_a_refused_hour_is_stated_anew_once_the_tenant_has_a_proper_customer(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant("troy", "not a customer id")
    pipeline.land(hour, "a.csv", readings("troy", hour, 1, 5))
    pipeline.run(hour)
    pipeline.add_tenant("troy")
    assert pipeline.run(hour).delivery.accepted == 2
    assert pipeline.stripe_totals("troy")["temperature_readings", hour.key] == 5
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 0


def test_L8_two_tenants_cannot_share_a_stripe_customer(pipeline: Pipeline) -> None:  # noqa: N802
    customer = pipeline.add_tenant("cohoes")
    with pytest.raises(TableRefusedError, match=customer):
        pipeline.add_tenant("troy", customer)


def test_L8_a_tenant_that_moves_to_another_customer_is_not_billed_twice_for_past_hours(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    old = pipeline.add_tenant_with_readings("cohoes", hour, 1, 5)
    pipeline.run(hour)
    pipeline.add_tenant("cohoes")
    assert pipeline.run(hour).delivery.accepted == 0
    assert pipeline.stripe_totals("cohoes") == {}
    pipeline.land(hour, "late.csv", readings("cohoes", hour, 1, 7))
    pipeline.run(hour)
    assert summed_usage(pipeline.gateway, "temperature_readings", old, HourRange(hour, hour)) == {
        hour: pipeline.usage()["cohoes", hour.key][0]
    }


def test_L9_with_stripe_down_loading_and_counting_succeed_and_events_wait(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    pipeline.load(hour)
    pipeline.count(hour)
    report = pipeline.bill(hour, open_gateway=lambda: gateway_to("http://127.0.0.1:9"))
    assert pipeline.usage() == {("cohoes", hour.key): (10, 2)}
    assert report.delivery.stopped is not None
    assert "is unreachable" in report.delivery.stopped
    assert "1 of 1 hours are not delivered" in explain_unsettled(report)
    assert pipeline.bill(hour).delivery.accepted == 2
    assert pipeline.stripe_totals("cohoes")["temperature_readings", hour.key] == 10


def test_L9_no_asset_of_ingestion_usage_or_finance_asks_for_stripe() -> None:  # noqa: N802
    """By its signature: what an asset does not ask for it cannot call."""
    definitions = build_definitions(read_settings({}))
    asking = {
        spec.key.to_user_string(): (spec.group_name, set(made.required_resource_keys) & RESOURCES.keys())
        for made in definitions.assets or []
        if isinstance(made, dg.AssetsDefinition)
        for spec in made.specs
    }
    assert asking["raw_readings"] == ("ingest", {"ledger", "landing"})
    assert asking["inserted_counts"] == asking["active_sensors"] == ("usage", {"ledger"})
    calling = {group for group, resources in asking.values() if "stripe" in resources}
    assert calling == {"billing", "invoices"}
    assert set(RESOURCES["landing"].required_resource_keys) == {"ledger"}
    assert set(RESOURCES["ledger"].required_resource_keys) == set()


def test_L10_an_hour_without_data_an_unmapped_tenant_and_an_unreadable_file_bill_nothing_and_differ(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    empty, unmapped, unreadable = (Hour(two_days_ago).plus(step) for step in range(3))
    pipeline.land(unmapped, "a.csv", readings("nobody", unmapped, 1, 5))
    pipeline.land(unreadable, "a.csv", b"")
    report = pipeline.run(empty, unreadable)
    assert len(report.unsettled) == 0
    assert pipeline.usage() == {("nobody", unmapped.key): (5, 1)}
    assert pipeline.one("select count(*) from fridge.meter_events") == 0
    assert pipeline.rows("select kind, hour, subject from fridge.exceptions order by hour, subject") == [
        ("unmapped", unmapped.start, "active_sensors"),
        ("unmapped", unmapped.start, "temperature_readings"),
        ("unreadable_file", unreadable.start, f"{unreadable.folder}/a.csv"),
    ]


def test_L10_unmapped_usage_has_a_deadline_and_is_billed_as_soon_as_the_tenant_has_a_customer(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.land(hour, "a.csv", readings("late-comer", hour, 1, 5))
    pipeline.run(hour)
    deadline = pipeline.one("select distinct deadline_at from fridge.exceptions")
    assert hour.start + timedelta(days=34) < deadline < hour.start + timedelta(days=35, hours=1)
    pipeline.add_tenant("late-comer")
    assert pipeline.run(hour).delivery.accepted == 2
    assert pipeline.stripe_totals("late-comer")["temperature_readings", hour.key] == 5
    assert pipeline.one("select count(*) from fridge.exceptions where closed_at is null") == 0


def test_L10_usage_older_than_35_days_becomes_an_exception_and_is_never_restamped(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    old = Hour(two_days_ago).plus(-34 * 24)
    pipeline.add_tenant_with_readings("cohoes", old, 1, 5)
    report = pipeline.run(old)
    assert (report.delivery.outcomes, len(report.unsettled)) == ({}, 0)
    assert pipeline.rows("select kind, tenant_id, hour from fridge.exceptions group by 1, 2, 3") == [
        ("too_late", "cohoes", old.start)
    ]


@pytest.mark.parametrize("prefix", ["sk_live_", "rk_live_", "sk_org_live_", "SK_LIVE_", "'sk_live_", "pk_"])
def test_L11_a_live_key_is_refused_unless_it_is_a_decision(prefix: str) -> None:  # noqa: N802
    """And so is whatever is not known to be a test key."""
    live = {"STRIPE_API_KEY": f"{prefix}1234567890abcdef"}
    with pytest.raises(LiveKeyRefusedError) as refused:
        read_settings(live).api_key()
    assert "1234567890abcdef" not in str(refused.value)
    assert read_settings({**live, "FRIDGE_ALLOW_LIVE_STRIPE": "yes"}).api_key().secret == live["STRIPE_API_KEY"]
    with pytest.raises(LiveKeyRefusedError):
        read_settings({**live, "FRIDGE_ALLOW_LIVE_STRIPE": "true"}).api_key()


def test_L11_with_a_refused_live_key_loading_goes_on(pipeline: Pipeline) -> None:  # noqa: N802
    settings = read_settings(
        {
            "STRIPE_API_KEY": "sk_live_1234567890abcdef",
            "FRIDGE_DATABASE_URL": pipeline.database.dsn,
            "FRIDGE_HOME": str(pipeline.workspace),
        }
    )
    with open_installation(settings) as (_, landing, stripe):
        assert landing.zone.hours() == {}
        with pytest.raises(LiveKeyRefusedError):
            stripe.gateway()


def test_L11_a_key_shows_in_no_repr_and_no_text() -> None:  # noqa: N802
    key = ApiKey("sk_test_1234567890abcdef")
    settings = read_settings({"STRIPE_API_KEY": key.secret, "FRIDGE_DATABASE_URL": "postgresql://u:hidden@h/d"})
    assert "1234567890abcdef" not in f"{key!r} {key} {settings!r}"
    assert "hidden" not in repr(settings)
    assert key.redact(f"Invalid API Key: {key.secret}") == "Invalid API Key: sk_test_…"


def test_L11_a_refused_live_key_marks_nothing_as_sent(pipeline: Pipeline, two_days_ago: datetime) -> None:  # noqa: N802
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 5)
    live = read_settings({"STRIPE_API_KEY": "sk_live_1234567890abcdef"})
    pipeline.load(hour)
    pipeline.count(hour)
    with pytest.raises(LiveKeyRefusedError):
        pipeline.bill(hour, open_gateway=lambda: gateway_to(live.api_key().secret))
    assert set(pipeline.rows("select status, attempts from fridge.meter_events")) == {("staged", 0)}


def test_L11_books_of_a_rehearsal_are_never_stated_with_a_live_key(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """What a sandbox has accepted would otherwise count as delivered for real."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 5)
    pipeline.run(hour)
    pipeline.land(hour, "b.csv", readings("cohoes", hour, 2, 5))
    pipeline.load(hour)
    pipeline.count(hour)
    live = gateway_to(pipeline.sandbox.url, ApiKey("sk_live_1234567890abcdef"))
    with pytest.raises(WrongBooksError, match="a sandbox or test key"):
        pipeline.bill(hour, open_gateway=lambda: live)
    assert set(pipeline.rows("select status, attempts from fridge.meter_events where revision = 2")) == {("staged", 0)}


def test_L11_what_is_in_doubt_is_never_decided_by_the_books_of_another_kind_of_key(  # noqa: N802
    pipeline: Pipeline, two_days_ago: datetime
) -> None:
    """A live account does not show what a rehearsal has stated: it would look missing."""
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 1, 5)
    pipeline.load(hour)
    pipeline.count(hour)
    with pytest.raises(ProcessDied):
        pipeline.bill(hour, at_failpoint=dies_after(Failpoint.ANSWERED))
    pipeline.clock.advance(hours=20, minutes=1)
    live = gateway_to(pipeline.sandbox.url, ApiKey("sk_live_1234567890abcdef"))
    with pytest.raises(WrongBooksError, match="a sandbox or test key"):
        pipeline.bill(hour, open_gateway=lambda: live)
    assert pipeline.one("select count(*) from fridge.stripe_readbacks") == 0
