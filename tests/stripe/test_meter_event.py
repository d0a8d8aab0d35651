from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.billing.rules.staging import StagingCase, StagingVerdict, judge_staging, next_event
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.measure import INSERTED_COUNT
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Window, meter_of
from fridge_pipeline.stripe.rules.meter_event import Status, identifier_of, is_too_late, timestamp_of

HOUR = Hour.from_key("2026-01-24-18:00")
NOW = HOUR.end + timedelta(days=1)
CASE = StagingCase("cohoes", "cus_1", HOUR, CATALOGUE[0], value=10)


def test_an_identifier_reads_as_meter_tenant_hour_and_revision() -> None:
    assert identifier_of("temperature_readings", "cohoes", HOUR, 2) == "temperature_readings:cohoes:2026012418:r2"


@given(st.text(min_size=1, max_size=600), st.text(min_size=1, max_size=600), st.integers(1, 10**6))
def test_identifiers_of_different_tenants_differ_and_fit_into_100_characters_of_plain_ascii(
    one: str, other: str, revision: int
) -> None:
    """Any text can be a tenant id: longer than 100 characters, other scripts, line breaks, colons."""
    try:
        one.encode(), other.encode()
    except UnicodeEncodeError:
        return  # lone surrogates are rejected as ids before anything is stored
    first = identifier_of("active_sensors", one, HOUR, revision)
    assert len(first) <= 100
    assert first.isascii()
    assert first.isprintable()
    assert (first == identifier_of("active_sensors", other, HOUR, revision)) == (one == other)
    assert first != identifier_of("active_sensors", one, HOUR, revision + 1)
    assert first != identifier_of("temperature_readings", one, HOUR, revision)


def test_the_timestamp_lies_inside_the_hour_and_never_on_its_edge() -> None:
    assert timestamp_of(HOUR) - HOUR.start == timedelta(minutes=30)


def test_an_hour_is_too_late_a_quarter_of_an_hour_before_stripe_would_refuse_it() -> None:
    limit = timestamp_of(HOUR) + timedelta(days=35) - timedelta(minutes=15)
    assert not is_too_late(HOUR, limit)
    assert is_too_late(HOUR, limit + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, StagingVerdict.STAGE),
        ({"value": None}, StagingVerdict.SETTLED),
        ({"value": 0}, StagingVerdict.SETTLED),
        ({"stated_value": 10, "latest_status": Status.ACCEPTED}, StagingVerdict.SETTLED),
        ({"stated_value": 9, "latest_status": Status.ACCEPTED}, StagingVerdict.STAGE),
        ({"value": None, "stated_value": 9, "latest_status": Status.ACCEPTED}, StagingVerdict.STAGE),
        ({"mapped_customer_id": None}, StagingVerdict.UNMAPPED),
        ({"mapped_customer_id": None, "stated_customer_id": "cus_1", "stated_value": 9}, StagingVerdict.STAGE),
        ({"latest_status": Status.SENT, "latest_value": 10}, StagingVerdict.IN_FLIGHT),
        ({"latest_status": Status.UNKNOWN, "latest_value": 9}, StagingVerdict.IN_FLIGHT),
        ({"latest_status": Status.STAGED, "latest_value": 10, "latest_customer_id": "cus_1"}, StagingVerdict.SETTLED),
        ({"latest_status": Status.STAGED, "latest_value": 9, "latest_customer_id": "cus_1"}, StagingVerdict.RESTAGE),
        ({"latest_status": Status.STAGED, "latest_value": 10, "latest_customer_id": "cus_0"}, StagingVerdict.RESTAGE),
        (
            {"latest_status": Status.REFUSED, "latest_customer_id": "cus_1", "refusal_open": True},
            StagingVerdict.REFUSED,
        ),
        (
            {"latest_status": Status.REFUSED, "latest_customer_id": "cus_0", "refusal_open": True},
            StagingVerdict.STAGE,
        ),
        (
            {"latest_status": Status.REFUSED, "latest_customer_id": "cus_1", "refusal_open": False},
            StagingVerdict.STAGE,
        ),
        ({"latest_status": Status.MISSING}, StagingVerdict.STAGE),
    ],
)
def test_each_reason_to_state_or_not_to_state_an_hour(changed: dict[str, object], verdict: StagingVerdict) -> None:
    assert judge_staging(replace(CASE, **changed), NOW) is verdict  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, StagingVerdict.MONTH_CLOSED),
        ({"latest_status": Status.MISSING}, StagingVerdict.MONTH_CLOSED),
        ({"stated_value": 11, "latest_status": Status.ACCEPTED}, StagingVerdict.MONTH_CLOSED),
        ({"meter": replace(CATALOGUE[0], window=Window.NONE), "stated_value": 11}, StagingVerdict.MONTH_CLOSED),
        ({"stated_value": 10, "latest_status": Status.ACCEPTED}, StagingVerdict.SETTLED),
        ({"mapped_customer_id": None}, StagingVerdict.UNMAPPED),
        ({"hour": HOUR.plus(-36 * 24)}, StagingVerdict.TOO_LATE),
    ],
)
def test_in_a_closed_month_whatever_would_change_stripe_waits(
    changed: dict[str, object], verdict: StagingVerdict
) -> None:
    assert judge_staging(replace(CASE, closed_by="Grace", **changed), NOW) is verdict  # type: ignore[arg-type]  # fields by name


def test_usage_older_than_35_days_is_too_late_also_when_it_was_staged_in_time() -> None:
    late = NOW + timedelta(days=35)
    assert judge_staging(CASE, late) is StagingVerdict.TOO_LATE
    staged = replace(CASE, latest_status=Status.STAGED, latest_value=10, latest_customer_id="cus_1")
    assert judge_staging(staged, late) is StagingVerdict.TOO_LATE
    accepted = replace(CASE, stated_value=10, latest_status=Status.ACCEPTED)
    assert judge_staging(accepted, late) is StagingVerdict.SETTLED


def test_the_next_revision_states_the_total_to_whoever_has_the_hour_on_the_books() -> None:
    moved = replace(CASE, mapped_customer_id="cus_new", stated_customer_id="cus_old", stated_value=7, latest_revision=3)
    event = next_event(moved)
    assert (event.revision, event.value, event.stripe_customer_id) == (4, 10, "cus_old")
    gone = next_event(replace(moved, value=None))
    assert gone.value == 0, "what was billed and is used no more is restated as zero"


def test_an_event_name_with_a_colon_is_refused_because_identifiers_would_no_longer_be_unique() -> None:
    with pytest.raises(ValueError, match="no colon"):
        Meter("a:b", "x", INSERTED_COUNT)


def test_an_unknown_meter_names_those_that_exist() -> None:
    with pytest.raises(KeyError, match="temperature_readings, active_sensors"):
        meter_of("pressure_readings")
