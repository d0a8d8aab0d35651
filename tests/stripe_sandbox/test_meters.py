"""Meters and customers as objects of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

if TYPE_CHECKING:
    from tests.stripe_sandbox.account import Account


def test_a_meter_reads_back_as_it_was_created(account: Account) -> None:
    meter = account.meter("last", "hour", value_settings={"event_payload_key": "sensors"})
    read = account.stripe.v1.billing.meters.retrieve(meter.id)
    assert read.to_dict() == meter.to_dict()
    assert read.default_aggregation.formula == "last"
    assert (read.event_time_window, read.status, read.livemode) == ("hour", "active", False)
    assert read.customer_mapping.event_payload_key == "stripe_customer_id"
    assert read.value_settings.event_payload_key == "sensors"


def test_only_the_display_name_of_a_meter_can_be_updated(account: Account) -> None:
    meter = account.meter()
    wrong: Any = {"event_name": "other"}
    renamed = account.stripe.v1.billing.meters.update(meter.id, {"display_name": "Temperatures"})
    assert renamed.display_name == "Temperatures"
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: event_name"):
        account.stripe.v1.billing.meters.update(meter.id, wrong)


def test_a_deactivated_meter_says_since_when_and_counts_again_once_reactivated(account: Account) -> None:
    meters, meter, hour = account.stripe.v1.billing.meters, account.meter(), account.past_hour()
    off = meters.deactivate(meter.id)
    assert off.status == "inactive"
    assert off.status_transitions.deactivated_at is not None
    account.refusal(meter, 1, hour)
    on = meters.reactivate(meter.id)
    assert (on.status, on.status_transitions.deactivated_at) == ("active", None)
    account.send(meter, 1, hour)
    assert account.total(meter, hour, hour + 60) == 1


def test_an_event_name_belongs_to_one_active_meter(account: Account) -> None:
    meters, first = account.stripe.v1.billing.meters, account.meter()
    with pytest.raises(stripe.InvalidRequestError, match="already uses the event name"):
        account.meter(event_name=first.event_name)
    meters.deactivate(first.id)
    assert account.meter(event_name=first.event_name).id != first.id
    with pytest.raises(stripe.InvalidRequestError, match="already uses the event name"):
        meters.reactivate(first.id)


def test_the_list_of_meters_is_newest_first_can_be_walked_and_filtered_by_status(alone: Account) -> None:
    made = [alone.meter().id for _ in range(23)]
    alone.stripe.v1.billing.meters.deactivate(made[4])
    meters = alone.stripe.v1.billing.meters
    assert [m.id for m in meters.list().auto_paging_iter()] == made[::-1]
    assert [m.id for m in meters.list({"status": "inactive"}).data] == [made[4]]
    assert made[4] not in [m.id for m in meters.list({"status": "active", "limit": 100}).data]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"default_aggregation": {"formula": "max"}}, "default_aggregation[formula]"),
        ({"event_time_window": "minute"}, "event_time_window"),
        ({"event_name": "e" * 101}, "event_name"),
        ({"display_name": ""}, "display_name"),
        ({"colour": "blue"}, "colour"),
        ({"customer_mapping": {"type": "by_id"}}, "customer_mapping[event_payload_key]"),
    ],
)
def test_a_wrong_meter_is_refused_and_the_parameter_named(
    account: Account, wrong: dict[str, object], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        account.meter(**wrong)  # type: ignore[arg-type]  # wrong on purpose
    assert (caught.value.http_status, caught.value.param) == (400, param)


def test_a_customer_reads_back_and_a_deleted_one_says_so(account: Account) -> None:
    customers = account.stripe.v1.customers
    made = customers.create({"name": "Corner Shop", "email": "shop@example.com", "metadata": {"tenant": "7"}})
    assert made.id.startswith("cus_")
    assert customers.retrieve(made.id).to_dict() == made.to_dict()
    assert customers.delete(made.id).deleted is True
    assert customers.retrieve(made.id).to_dict() == {"id": made.id, "object": "customer", "deleted": True}
