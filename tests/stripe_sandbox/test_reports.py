"""Events that are refused after their receipt, as the v2 API reports them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe
from stripe.events import V1BillingMeterErrorReportTriggeredEvent, V1BillingMeterNoMeterFoundEvent

from tests.stripe_sandbox.account import DAY

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account

SOME_DAY = 1_769_280_005  # 2026-01-24 18:40:05 UTC
ERROR_REPORT = "v1.billing.meter.error_report_triggered"
NO_METER_FOUND = "v1.billing.meter.no_meter_found"


@pytest.fixture
def later(alone: Account) -> Account:
    """An account at a known moment, in which every event is refused after its receipt."""
    alone.sandbox.set_clock(now=SOME_DAY)
    alone.sandbox.faults({"kind": "refuse_asynchronously", "probability": 1})
    return alone


def test_a_refused_event_is_reported_when_its_window_of_10_seconds_has_ended(later: Account) -> None:
    meter, hour = later.meter(), later.past_hour()
    later.send(meter, 5, hour, identifier="event", key="key")
    later.sandbox.set_clock(advance_seconds=4)
    assert later.reports() == []
    later.sandbox.set_clock(advance_seconds=1)
    (report,) = later.reports()
    assert isinstance(report, V1BillingMeterErrorReportTriggeredEvent)
    assert (report.created, report.livemode) == ("2026-01-24T18:40:10.000Z", False)
    assert report.data.to_dict() == {
        "developer_message_summary": "There is 1 invalid event",
        "reason": {
            "error_count": 1,
            "error_types": [
                {
                    "code": "meter_event_customer_not_found",
                    "error_count": 1,
                    "sample_errors": [
                        {
                            "error_message": "No customer was found matching the payload of event_name "
                            f"{meter.event_name}.",
                            "request": {"identifier": "key"},
                        }
                    ],
                }
            ],
        },
        "validation_start": "2026-01-24T18:40:00.000Z",
        "validation_end": "2026-01-24T18:40:10.000Z",
    }
    assert report.fetch_related_object().id == meter.id
    assert later.total(meter, hour, hour + 60) == 0


def test_one_report_holds_what_one_meter_refused_in_one_window(later: Account) -> None:
    meter, other = later.meter(), later.meter()
    for step, sent in ((0, meter), (4, meter), (0, other), (1, meter)):
        later.sandbox.set_clock(advance_seconds=step)
        later.send(sent, 5)
    later.sandbox.set_clock(advance_seconds=10)
    counts = [(each.related_object.id, each.data.reason.error_count) for each in later.reports()]
    assert (counts[0], sorted(counts[1:])) == ((meter.id, 1), sorted([(meter.id, 2), (other.id, 1)]))


@pytest.mark.parametrize("told_by", ["fault", "setting"])
def test_samples_can_be_fewer_than_the_errors_they_stand_for(later: Account, told_by: str) -> None:
    meter = later.meter()
    if told_by == "setting":
        later.sandbox.settings(samples_max=1)
    else:
        later.sandbox.clear_faults()
        fault = {"kind": "refuse_asynchronously", "times": 5, "samples_max": 1, "code": "archived_meter"}
        later.sandbox.faults(fault)
    for _ in range(5):
        later.send(meter, 5)
    later.sandbox.set_clock(advance_seconds=10)
    (report,) = later.reports()
    (errors,) = report.data.reason.error_types
    assert (report.data.reason.error_count, errors.error_count, len(errors.sample_errors)) == (5, 5, 1)
    assert errors.code == ("meter_event_customer_not_found" if told_by == "setting" else "archived_meter")


def test_an_event_without_a_meter_is_reported_without_a_related_object(later: Account) -> None:
    later.sandbox.clear_faults()
    meter = later.meter()
    meter.event_name = "no_such_meter"
    later.sandbox.faults({"kind": "refuse_asynchronously", "code": "no_meter"})
    later.send(meter, 5, identifier="event", key="key")
    later.refusal(meter, 5)
    later.sandbox.set_clock(advance_seconds=10)
    (report,) = later.reports()
    assert isinstance(report, V1BillingMeterNoMeterFoundEvent)
    assert "related_object" not in report.to_dict()
    (errors,) = report.data.reason.error_types
    assert errors.sample_errors[0].error_message == "No meter was found matching event_name no_such_meter."


def test_events_of_a_deleted_customer_are_refused_or_reported_as_the_settings_say(alone: Account) -> None:
    meter, hour = alone.meter(), alone.past_hour()
    gone = alone.stripe.v1.customers.create({"name": "Gone"}).id
    alone.stripe.v1.customers.delete(gone)
    alone.refusal(meter, 5, hour, customer=gone)
    alone.sandbox.settings(deleted_customers="report", report_seconds=0)
    alone.send(meter, 5, hour, customer=gone, key="key")
    (report,) = alone.reports()
    (errors,) = report.data.reason.error_types
    assert (errors.code, errors.sample_errors[0].request.identifier) == ("meter_event_customer_not_found", "key")
    assert alone.total(meter, hour, hour + 60, customer=gone) == 0


def test_the_list_is_newest_first_can_be_walked_and_keeps_its_filters(later: Account) -> None:
    meter, other = later.meter(), later.meter()
    for _ in range(7):
        later.send(meter, 5)
        later.send(other, 5)
        later.sandbox.set_clock(advance_seconds=10)
    wish: Any = {"limit": 2, "object_id": meter.id, "types": [ERROR_REPORT, NO_METER_FOUND]}
    first = later.stripe.v2.core.events.list(wish)
    assert len(first.data) == 2
    reports: list[Any] = list(first.auto_paging_iter())
    assert [each.related_object.id for each in reports] == [meter.id] * 7
    created = [each.created for each in reports]
    assert created == sorted(created, reverse=True)
    assert len(set(created)) == 7
    assert len(later.reports()) == 14
    assert later.reports(types=[NO_METER_FOUND]) == []


def test_a_page_leads_back_to_the_one_before_it(later: Account) -> None:
    meter = later.meter()
    for _ in range(5):
        later.send(meter, 5)
        later.sandbox.set_clock(advance_seconds=10)
    pages = [later.stripe.raw_request("get", "/v2/core/events?limit=2").data]
    while pages[-1]["next_page_url"]:
        pages.append(later.stripe.raw_request("get", pages[-1]["next_page_url"]).data)
    assert [len(page["data"]) for page in pages] == [2, 2, 1]
    assert pages[0]["previous_page_url"] is None
    for page, before in zip(pages[1:], pages, strict=False):
        assert later.stripe.raw_request("get", page["previous_page_url"]).data["data"] == before["data"]


def test_the_bounds_of_created_hold_or_leave_out_the_moment_itself(later: Account) -> None:
    meter = later.meter()
    for _ in range(3):  # created at 18:40:10, :20 and :30
        later.send(meter, 5)
        later.sandbox.set_clock(advance_seconds=10)
    middle = "2026-01-24T19:40:20+01:00"
    found = {side: len(later.reports(created={side: middle})) for side in ("gt", "gte", "lt", "lte")}
    assert found == {"gt": 1, "gte": 2, "lt": 1, "lte": 2}
    assert len(later.reports(created={"gte": middle, "lte": middle})) == 1


def test_reports_are_kept_for_30_days_and_no_second_longer(later: Account) -> None:
    later.send(later.meter(), 5)
    later.sandbox.set_clock(now=SOME_DAY + 5 + 30 * DAY - 1)
    (report,) = later.reports()
    assert later.stripe.v2.core.events.retrieve(report.id).to_dict() == report.to_dict()
    later.sandbox.set_clock(advance_seconds=1)
    assert later.reports() == []
    with pytest.raises(stripe.InvalidRequestError, match="No such event") as caught:
        later.stripe.v2.core.events.retrieve(report.id)
    assert caught.value.http_status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 101},
        {"created": {"gte": "yesterday"}},
        {"created": {"gte": "2026-01-24T18:00:00"}},
        {"created": {"around": "2026-01-24T18:00:00Z"}},
        {"types": ["x"] * 21},
        {"page": "after.nothing"},
        {"colour": "blue"},
    ],
)
def test_a_list_that_is_asked_for_wrongly_is_refused(account: Account, wrong: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        account.reports(**wrong)
    assert caught.value.http_status == 400
