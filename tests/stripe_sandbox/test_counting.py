"""How events add up: overwriting windows, raw sums, counts and last values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox_process import fresh_name
from tests.stripe_sandbox.account import DAY, HOUR

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account

CUSTOMERS = ("cus_a", "cus_b")


@pytest.mark.parametrize(
    ("formula", "window", "total"),
    [("sum", None, 12), ("sum", "hour", 2), ("last", None, 7), ("last", "hour", 2), ("count", None, 3)],
)
def test_one_hour_of_5_then_7_then_an_earlier_2_counts_by_the_meters_rule(
    account: Account, formula: str, window: str | None, total: int
) -> None:
    meter, hour = account.meter(formula, window), account.past_hour()
    for value, timestamp in ((3, hour + 1800), (7, hour + 1900), (2, hour + 1700)):
        account.send(meter, value, timestamp)
    assert account.total(meter, hour, hour + HOUR) == total
    assert account.per_window(meter, hour, hour + HOUR) == {hour: total}


def test_an_hour_window_meter_overwrites_within_the_hour_and_adds_across_hours(account: Account) -> None:
    meter, hour = account.meter("sum", "hour"), account.past_hour(4)
    account.send(meter, 500, hour)
    account.send(meter, 10, hour + HOUR)
    account.send(meter, 480, hour + HOUR - 1)
    assert account.per_window(meter, hour, hour + 2 * HOUR) == {hour: 480, hour + HOUR: 10}
    assert account.total(meter, hour, hour + 2 * HOUR) == 490


def test_a_day_window_meter_overwrites_within_the_utc_day(account: Account) -> None:
    meter, day = account.meter("sum", "day"), account.now() // DAY * DAY - 3 * DAY
    for value, timestamp in ((1, day), (2, day + DAY - 1), (4, day + DAY)):
        account.send(meter, value, timestamp)
    assert account.per_window(meter, day, day + 2 * DAY, "day") == {day: 2, day + DAY: 4}


def test_last_takes_the_last_window_and_of_equal_timestamps_the_one_received_last(account: Account) -> None:
    raw, windowed, hour = account.meter("last"), account.meter("last", "hour"), account.past_hour(4)
    for meter in (raw, windowed):
        account.send(meter, 9, hour + HOUR)
        account.send(meter, 8, hour + HOUR)
        account.send(meter, 1, hour + 5)
        assert account.total(meter, hour, hour + 2 * HOUR) == 8


def test_customers_and_meters_do_not_mix(account: Account) -> None:
    one, two, hour = account.meter(), account.meter(), account.past_hour()
    account.send(one, 1, hour, customer="cus_a")
    account.send(one, 20, hour, customer="cus_b")
    account.send(two, 300, hour, customer="cus_a")
    read = [account.total(m, hour, hour + HOUR, customer=c) for m in (one, two) for c in CUSTOMERS]
    assert read == [1, 20, 300, 0]


def test_sums_of_decimals_are_exact_and_whole_ones_are_integers(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    for value in ("0.1", "0.2"):
        account.send(meter, value, hour)
    assert account.total(meter, hour, hour + 60) == 0.3  # binary floats would give 0.30000000000000004
    account.send(meter, "999999999999999", hour)
    account.send(meter, "0.7", hour)
    total = account.total(meter, hour, hour + 60)
    assert (total, type(total)) == (10**15, int)


event_lists = st.lists(
    st.tuples(
        st.sampled_from(CUSTOMERS),
        st.integers(0, 3 * HOUR - 1) | st.sampled_from([0, 59, 60, HOUR - 1, HOUR]),
        st.integers(-50, 50) | st.decimals(-5, 5, places=2),
    ),
    max_size=14,
)


@given(
    events=event_lists,
    formula=st.sampled_from(["sum", "count", "last"]),
    window=st.sampled_from([None, "hour", "day"]),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_books_equal_a_straightforward_model(
    account: Account, events: list[tuple[str, int, int | Decimal]], formula: str, window: str | None
) -> None:
    meter, start = account.meter(formula, window), account.past_hour(5)
    for customer, offset, value in events:
        account.send(meter, value, start + offset, customer=customer)
    for customer in CUSTOMERS:
        mine = [(start + offset, Decimal(value)) for who, offset, value in events if who == customer]
        counting = _surviving(mine, {None: None, "hour": HOUR, "day": DAY}[window])
        hours = sorted({timestamp // HOUR * HOUR for timestamp, _ in counting})
        modelled = {hour: _value(formula, [e for e in counting if e[0] // HOUR * HOUR == hour]) for hour in hours}
        assert account.per_window(meter, start, start + 3 * HOUR, customer=customer) == modelled
        assert account.total(meter, start, start + 3 * HOUR, customer=customer) == _value(formula, counting)


def _surviving(events: list[tuple[int, Decimal]], width: int | None) -> list[tuple[int, Decimal]]:
    """The events that count: all of a raw meter's; of a window, the one received last."""
    return [
        event
        for place, event in enumerate(events)
        if width is None or all(later[0] // width != event[0] // width for later in events[place + 1 :])
    ]


def _value(formula: str, events: list[tuple[int, Decimal]]) -> float:
    if formula == "sum":
        return float(sum(value for _, value in events))
    if formula == "count":
        return len(events)
    newest = max((timestamp for timestamp, _ in events), default=0)
    return float(([Decimal(0)] + [value for timestamp, value in events if timestamp == newest])[-1])


def test_the_tally_has_one_row_per_event_name_customer_and_hour_that_counts(account: Account) -> None:
    meter, hour = account.meter("sum", "hour"), account.past_hour(3)
    customer = fresh_name("cus")
    before = account.sandbox.usage()
    for value, timestamp in ((5, hour), (7, hour + 30), (2, hour + HOUR)):
        account.send(meter, value, timestamp, customer=customer)
    account.refusal(meter, "many", hour, customer=customer)
    tally = account.sandbox.usage(event_name=meter.event_name, customer=customer)
    assert [(row["event_name"], row["customer"], row["value"]) for row in tally["data"]] == [
        (meter.event_name, customer, 7),
        (meter.event_name, customer, 2),
    ]
    assert tally["received"] - before["received"] == 3
    assert tally["refused"] - before["refused"] == 1


def test_the_tally_names_hours_as_partition_keys(alone: Account) -> None:
    alone.sandbox.set_clock(now=1_769_280_000)  # 2026-01-24 18:40 UTC
    alone.send(alone.meter(), 5, 1_769_278_000)
    (row,) = alone.sandbox.usage()["data"]
    assert (row["hour"], row["value"]) == ("2026-01-24-18:00", 5)
