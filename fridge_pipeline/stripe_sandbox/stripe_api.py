"""Stripe's endpoints, each a plain function from a call to the object that Stripe would show.

They run between two awaits of the server, so whatever one of them checks and records happens at once.
Refusals leave as ``StripeError``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from fridge_pipeline.stripe_sandbox.customer import Customer, read_customer
from fridge_pipeline.stripe_sandbox.errors import StripeError, already_exists, no_such, refused
from fridge_pipeline.stripe_sandbox.meter import LONGEST_DISPLAY_NAME, Meter, read_meter
from fridge_pipeline.stripe_sandbox.meter_event import EventRefused, as_stripe, event_on, read_event_request
from fridge_pipeline.stripe_sandbox.paging import page
from fridge_pipeline.stripe_sandbox.summary import read_summary_request, summaries

if TYPE_CHECKING:
    from fridge_pipeline.stripe_sandbox.form import Form
    from fridge_pipeline.stripe_sandbox.meter_event import EventRequest, MeterEvent
    from fridge_pipeline.stripe_sandbox.sandbox import Sandbox

StripeObject: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class Call:
    """One authenticated request; ``now`` (unix seconds, sandbox clock) is the same all through it."""

    method: str
    path: str
    names: Mapping[str, str]
    form: Form
    now: float


Endpoint: TypeAlias = Callable[["Sandbox", Call], StripeObject]


def create_meter_event(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/billing/meter_events``: received and counted, or refused; both stand in the tally."""
    try:
        request = read_event_request(call.form, call.now)
        event = _checked_event(sandbox, request, call.now)
    except StripeError as refusal:
        sandbox.record(EventRefused(refusal.message, call.now))
        raise
    if event.customer not in sandbox.books.customers:
        sandbox.record(Customer(event.customer, created=int(call.now)))
    sandbox.record(event)
    return as_stripe(request, call.now)


def _checked_event(sandbox: Sandbox, request: EventRequest, now: float) -> MeterEvent:
    meter = sandbox.books.active_meter(request.event_name)
    if meter is None:
        raise refused(f'No active meter found for event name "{request.event_name}".', "event_name")
    event = event_on(meter, request, now)
    customer = sandbox.books.customers.get(event.customer)
    exists = sandbox.exists_unsigned(event.customer) if customer is None else not customer.deleted
    if not exists:
        raise no_such("customer", event.customer, f"payload[{meter.customer_key}]", status=400)
    if sandbox.books.identifiers.find(event.identifier, now):
        raise already_exists(event.identifier)
    return event


def create_meter(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/billing/meters``; an event name belongs to one active meter."""
    meter = read_meter(call.form, int(call.now))
    _check_name_is_free(sandbox, meter)
    sandbox.record(meter)
    return meter.as_stripe()


def list_meters(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/billing/meters``, newest first, with ``status`` and the cursors."""
    call.form.allow_only("status", "limit", "starting_after", "ending_before")
    status = call.form.optional_choice("status", ("active", "inactive"))
    newest_first = [meter.as_stripe() for meter in reversed(sandbox.books.meters.values())]
    return page([meter for meter in newest_first if status in (None, meter["status"])], call.form, call.path)


def retrieve_meter(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/billing/meters/{id}``."""
    call.form.allow_only()
    return _meter(sandbox, call).as_stripe()


def update_meter(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/billing/meters/{id}``: only the display name can be updated."""
    call.form.allow_only("display_name")
    meter = _meter(sandbox, call)
    display_name = call.form.optional_text("display_name", LONGEST_DISPLAY_NAME)
    if display_name is not None:
        meter = meter.renamed(display_name, int(call.now))
        sandbox.record(meter)
    return meter.as_stripe()


def deactivate_meter(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/billing/meters/{id}/deactivate``: no more events are accepted."""
    call.form.allow_only()
    meter = _meter(sandbox, call)
    if not meter.active:
        raise refused(f"The meter {meter.id} is already inactive.", "id")
    meter = meter.switched(active=False, now=int(call.now))
    sandbox.record(meter)
    return meter.as_stripe()


def reactivate_meter(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/billing/meters/{id}/reactivate``: events are accepted again."""
    call.form.allow_only()
    meter = _meter(sandbox, call)
    if meter.active:
        raise refused(f"The meter {meter.id} is already active.", "id")
    _check_name_is_free(sandbox, meter)
    meter = meter.switched(active=True, now=int(call.now))
    sandbox.record(meter)
    return meter.as_stripe()


def list_summaries(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/billing/meters/{id}/event_summaries``, newest first."""
    meter = _meter(sandbox, call)
    request = read_summary_request(call.form)
    if request.customer not in sandbox.books.customers and not sandbox.exists_unsigned(request.customer):
        raise no_such("customer", request.customer, "customer")
    return page(summaries(sandbox.books, meter, request), call.form, call.path)


def create_customer(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/customers``; the id is invented here, as Stripe does."""
    customer = read_customer(call.form, int(call.now))
    sandbox.record(customer)
    return customer.as_stripe()


def retrieve_customer(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/customers/{customer}``: created here or seen in a meter event; deleted ones say so."""
    call.form.allow_only()
    return _customer(sandbox, call).as_stripe()


def delete_customer(sandbox: Sandbox, call: Call) -> StripeObject:
    """``DELETE /v1/customers/{customer}``: later events for it are refused, its usage stays."""
    call.form.allow_only()
    customer = _customer(sandbox, call)
    if customer.deleted:
        raise no_such("customer", customer.id, "customer")
    customer = customer.without()
    sandbox.record(customer)
    return customer.as_stripe()


def _meter(sandbox: Sandbox, call: Call) -> Meter:
    meter = sandbox.books.meters.get(call.names["id"])
    if meter is None:
        raise no_such("meter", call.names["id"], "id")
    return meter


def _customer(sandbox: Sandbox, call: Call) -> Customer:
    customer = sandbox.books.customers.get(call.names["customer"])
    if customer is None:
        raise no_such("customer", call.names["customer"], "customer")
    return customer


def _check_name_is_free(sandbox: Sandbox, meter: Meter) -> None:
    other = sandbox.books.active_meter(meter.event_name)
    if other is not None:
        text = f'The active meter {other.id} already uses the event name "{meter.event_name}": deactivate it.'
        raise refused(text, "event_name")


ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (  # the busiest first: routes are tried in this order
    ("POST", "/v1/billing/meter_events", create_meter_event),
    ("GET", "/v1/billing/meters/{id}/event_summaries", list_summaries),
    ("POST", "/v1/billing/meters", create_meter),
    ("GET", "/v1/billing/meters", list_meters),
    ("GET", "/v1/billing/meters/{id}", retrieve_meter),
    ("POST", "/v1/billing/meters/{id}", update_meter),
    ("POST", "/v1/billing/meters/{id}/deactivate", deactivate_meter),
    ("POST", "/v1/billing/meters/{id}/reactivate", reactivate_meter),
    ("POST", "/v1/customers", create_customer),
    ("GET", "/v1/customers/{customer}", retrieve_customer),
    ("DELETE", "/v1/customers/{customer}", delete_customer),
)
