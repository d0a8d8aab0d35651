from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fridge_pipeline.billing.rules.staging import StagingCase, StagingVerdict, is_gated
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import CATALOGUE, History, Tolerance, limit_of, stands_out
from fridge_pipeline.stripe.rules.meter_event import Status

WIDE = Tolerance()
CASE = StagingCase("cohoes", "cus_1", Hour.from_key("2026-01-24-18:00"), CATALOGUE[0], value=10)


def history_of(quantities: list[int]) -> History:
    middle = median(quantities)
    return History(len(quantities), middle, median(abs(each - middle) for each in quantities), middle)


@pytest.mark.parametrize(
    ("history", "limit"),
    [
        (History(168, 60, 0, 60), 600),  # the same hour by hour: ten times as much
        (History(168, 60, 5, 60), 600),
        (History(168, 60, 50, 60), 60 + 10 * 1.4826 * 50),  # scatters widely
        (History(168, 60, 0, 90), 900),  # has grown within the last day
        (History(168, 60, 0, 6), 600),  # has shrunk within the last day
        (History(24, 60, 0, 60), 600),
        (History(23, 60, 0, 60), None),
        (History(0, 0, 0, 0), None),
    ],
)
def test_what_passes_is_ten_times_the_median_or_ten_deviations_more_after_a_day_of_history(
    history: History, limit: float | None
) -> None:
    assert limit_of(history, WIDE) == limit
    if limit is not None:
        assert not stands_out(int(limit), history, WIDE)
        assert stands_out(int(limit) + 1, history, WIDE)
    else:
        assert not stands_out(10**12, history, WIDE)


@given(st.lists(st.integers(1, 1000), min_size=24, max_size=168), st.integers(1, 10**6))
def test_spikes_in_fewer_than_half_of_the_hours_excuse_no_further_one(quantities: list[int], spike: int) -> None:
    """However large they are, what passes is bounded by the ordinary hours."""
    highest = max(quantities)
    odd = quantities + [highest + spike * 1000] * ((len(quantities) - 1) // 2)
    limit = limit_of(history_of(odd), WIDE)
    assert limit is not None
    assert limit <= highest + max(10 * 1.4826 * highest, 9 * highest)


@given(st.lists(st.integers(1, 1000), min_size=24, max_size=168), st.integers(1, 10**5))
def test_nothing_up_to_the_factor_times_the_median_stands_out(quantities: list[int], value: int) -> None:
    history = history_of(quantities)
    assert not stands_out(min(value, int(10 * history.median)), history, WIDE)


@pytest.mark.parametrize(
    ("changed", "verdict", "is_asked"),
    [
        ({}, StagingVerdict.STAGE, True),
        ({"latest_status": Status.STAGED}, StagingVerdict.RESTAGE, True),
        ({"stated_value": 9}, StagingVerdict.STAGE, True),
        ({"stated_value": 11}, StagingVerdict.STAGE, False),
        ({"value": None, "stated_value": 11}, StagingVerdict.STAGE, False),
        ({}, StagingVerdict.UNMAPPED, False),
        ({}, StagingVerdict.MONTH_CLOSED, False),
    ],
)
def test_history_is_asked_about_what_would_bill_more_than_stripe_has_and_about_nothing_else(
    changed: dict[str, object], verdict: StagingVerdict, is_asked: object
) -> None:
    assert is_gated(replace(CASE, **changed), verdict) is is_asked  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ({"factor": 0.5}, "factor"),
        ({"factor": float("nan")}, "factor"),
        ({"deviations": -1}, "deviations"),
        ({"deviations": float("inf")}, "deviations"),
        ({"hours_min": 0}, "hours_min"),
        ({"hours": 10}, "hours_min 24 and hours 10"),
    ],
)
def test_a_tolerance_that_cannot_be_meant_is_refused(numbers: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Tolerance(**numbers)  # type: ignore[arg-type]  # numbers by name
