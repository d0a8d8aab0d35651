"""Meter event summaries: boundaries, buckets and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stripe

from tests.stripe_sandbox.account import DAY, HOUR

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account


def test_the_start_is_inclusive_and_the_end_exclusive(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    for value, timestamp in ((1, hour - 1), (20, hour), (300, hour + 59), (4000, hour + 60)):
        account.send(meter, value, timestamp)
    assert account.total(meter, hour, hour + 60) == 320


def test_without_a_window_there_is_one_summary_also_when_nothing_was_used(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    (only,) = account.summaries(meter, hour, hour + HOUR).data
    assert (only.aggregated_value, only.start_time, only.end_time) == (0, hour, hour + HOUR)


def test_hours_without_events_have_no_summary_and_hours_that_cancel_out_have_one(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour(6)
    for value, timestamp in ((5, hour), (5, hour + 3 * HOUR), (-5, hour + 3 * HOUR)):
        account.send(meter, value, timestamp)
    assert account.per_window(meter, hour, hour + 5 * HOUR) == {hour: 5, hour + 3 * HOUR: 0}


def test_an_hours_summary_keeps_its_id_and_names_no_customer(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    account.send(meter, 5, hour)
    (first,) = account.summaries(meter, hour, hour + HOUR, "hour").data
    account.send(meter, 6, hour)
    (again,) = account.summaries(meter, hour - HOUR, hour + HOUR, "hour").data
    account.send(meter, 7, hour, customer="cus_other")
    (other,) = account.summaries(meter, hour, hour + HOUR, "hour", "cus_other").data
    assert first.id == again.id != other.id
    assert again.aggregated_value == 11
    assert "customer" not in again.to_dict()


def test_all_pages_together_give_every_hour_once_in_both_directions(account: Account) -> None:
    meter, start = account.meter(), account.now() // DAY * DAY - 2 * DAY
    for hour in range(23):
        account.send(meter, hour + 1, start + hour * HOUR)
    first = account.summaries(meter, start, start + DAY, "hour")
    assert (len(first.data), first.has_more) == (10, True)
    forward = [summary.start_time for summary in first.auto_paging_iter()]
    assert sorted(forward) == [start + hour * HOUR for hour in range(23)]
    last = [s.id for s in account.summaries(meter, start, start + DAY, "hour", limit=100).data][-1]
    back = account.summaries(meter, start, start + DAY, "hour", limit=7, ending_before=last)
    assert [summary.start_time for summary in back.auto_paging_iter()] == forward[:-1][::-1]


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [(None, 30, HOUR), (None, 0, 3599), ("hour", 60, HOUR), ("hour", 0, 1800), ("day", HOUR, DAY), ("day", 0, HOUR)],
)
def test_times_off_their_boundary_are_refused_with_400(
    account: Account, window: str | None, start: int, end: int
) -> None:
    meter, day = account.meter(), account.now() // DAY * DAY - DAY
    with pytest.raises(stripe.InvalidRequestError, match="must be aligned") as caught:
        account.summaries(meter, day + start, day + end, window)
    assert caught.value.http_status == 400
    assert caught.value.param == ("start_time" if start else "end_time")


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"limit": 101}, {"starting_after": "a", "ending_before": "b"}, {"window": "minute"}]
)
def test_a_wrong_limit_window_or_pair_of_cursors_is_refused_with_400(
    account: Account, wrong: dict[str, object]
) -> None:
    meter, hour = account.meter(), account.past_hour()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        account.summaries(meter, hour, hour + HOUR, **wrong)  # type: ignore[arg-type]  # wrong on purpose
    assert caught.value.http_status == 400


def test_an_empty_or_backward_stretch_is_refused(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    for end in (hour, hour - 60):
        with pytest.raises(stripe.InvalidRequestError, match="must be before"):
            account.summaries(meter, hour, end)


def test_summaries_of_an_unknown_meter_or_cursor_are_404(account: Account) -> None:
    meter, hour = account.meter(), account.past_hour()
    with pytest.raises(stripe.InvalidRequestError) as unknown_cursor:
        account.summaries(meter, hour, hour + HOUR, starting_after="mtrusg_nobody")
    meter.id = "mtr_nobody"
    with pytest.raises(stripe.InvalidRequestError) as unknown_meter:
        account.summaries(meter, hour, hour + HOUR)
    assert (unknown_cursor.value.http_status, unknown_meter.value.http_status) == (404, 404)
    assert unknown_meter.value.code == "resource_missing"
