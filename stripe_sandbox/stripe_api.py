"""Stripe's endpoints, each a plain function from a call to the object that Stripe would show.

They run between two awaits of the server, so whatever one of them checks and records happens at once.
Refusals leave as ``StripeError``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import TypeAlias

from stripe_sandbox.account import LONGEST_DISPLAY_NAME, Customer, Meter, read_customer, read_meter
from stripe_sandbox.billing.lines import DISCOUNT
from stripe_sandbox.billing.test_clocks import MOST_CUSTOMERS
from stripe_sandbox.books import Books, read_summary_request, summaries
from stripe_sandbox.calls import METER_EVENTS, Call
from stripe_sandbox.lists import page
from stripe_sandbox.meter_events import (
    AdjustmentRequest,
    EventCancelled,
    EventRefused,
    EventRequest,
    Fate,
    MeterEvent,
    as_stripe,
    event_on,
    event_on_nothing,
    read_adjustment,
    read_event_request,
)
from stripe_sandbox.reports import CORE_EVENTS, CUSTOMER_NOT_FOUND, NO_METER, event_of, event_page, refused_later
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_shapes import StripeError, already_exists, no_such, refused

StripeObject: TypeAlias = dict[str, object]
Endpoint: TypeAlias = Callable[[Sandbox, Call], StripeObject]


def create_meter_event(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/billing/meter_events``: received, or refused; both stand in the tally.

    What was received counts once unless the call's fate says otherwise, or its customer was deleted and the
    settings let such events be reported later.
    """
    try:
        request = read_event_request(call.form, call.now)
        event, fate = _checked_event(sandbox, request, call)
    except StripeError as refusal:
        sandbox.record(EventRefused(refusal.message, call.now))
        raise
    if event.customer and event.customer not in sandbox.books.customers:
        sandbox.record(Customer(event.customer, created=int(call.now)))
    sandbox.record(event)
    if fate.code is not None:
        told_by = call.key or event.identifier
        sandbox.record(refused_later(event, request.event_name, told_by, fate, sandbox.settings))
    return as_stripe(request, call.now)


def _checked_event(sandbox: Sandbox, request: EventRequest, call: Call) -> tuple[MeterEvent, Fate]:
    fate, meter = call.fate, sandbox.books.active_meter(request.event_name)
    if meter is not None:
        customer = sandbox.books.customers.get(request.payload.get(meter.customer_key, ""))
        event = event_on(meter, _timed(sandbox, request, customer, call), call.now, _time_for(sandbox, customer, call))
        exists = sandbox.exists_unsigned(event.customer) if customer is None else not customer.deleted
        if not exists:
            if customer is None or sandbox.settings.deleted_customers == "refuse":
                raise no_such("customer", event.customer, f"payload[{meter.customer_key}]", status=400)
            fate = Fate(times=0, code=CUSTOMER_NOT_FOUND)
    elif fate.code == NO_METER:
        event = event_on_nothing(request, call.now)
    else:
        raise refused(f'No active meter found for event name "{request.event_name}".', "event_name")
    if sandbox.books.identifiers.find(event.identifier, call.now):
        raise already_exists(event.identifier)
    return replace(event, times=fate.times), fate


def _time_for(sandbox: Sandbox, customer: Customer | None, call: Call) -> float:
    """The time by which a customer's events are judged: whether a test clock's or the real one is not known."""
    clock = None if customer is None or sandbox.settings.clock_event_time == "real" else customer.test_clock
    return sandbox.time_of(clock, call.now)


def _timed(sandbox: Sandbox, request: EventRequest, customer: Customer | None, call: Call) -> EventRequest:
    if "timestamp" in call.form.fields:
        return request
    return replace(request, timestamp=int(_time_for(sandbox, customer, call)))


def cancel_meter_event(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/billing/meter_event_adjustments``: an event of the last 24 hours no longer counts.

    It is ``complete`` at once, or ``pending`` where summaries lag behind.
    """
    request = read_adjustment(call.form)
    sandbox.record(_cancellation(sandbox.books, request, call.now))
    return request.as_stripe("pending" if sandbox.settings.lag_seconds else "complete")


def _cancellation(books: Books, request: AdjustmentRequest, now: float) -> EventCancelled:
    # How Stripe words these refusals is not known; neither is what cancelling does inside an overwriting window.
    param = "cancel[identifier]"
    booked = books.identifiers.find(request.identifier, now)
    if booked is None:
        text = (
            f"No meter event with identifier {request.identifier} was received within the last 24 hours: only "
            "such events can be cancelled."
        )
        raise refused(text, param)
    meter = books.meters.get(booked.event.meter)
    if meter is None or meter.event_name != request.event_name:
        text = f'The meter event with identifier {request.identifier} has not the event name "{request.event_name}".'
        raise refused(text, "event_name")
    if booked.cancelled_at is not None:
        raise refused(f"The meter event with identifier {request.identifier} is already cancelled.", param)
    return EventCancelled(request.identifier, now)


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
    return _switched(sandbox, call, active=False)


def reactivate_meter(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/billing/meters/{id}/reactivate``: events are accepted again."""
    return _switched(sandbox, call, active=True)


def _switched(sandbox: Sandbox, call: Call, *, active: bool) -> StripeObject:
    call.form.allow_only()
    meter = _meter(sandbox, call)
    if meter.active == active:
        raise refused(f"The meter {meter.id} is already {'active' if active else 'inactive'}.", "id")
    if active:
        _check_name_is_free(sandbox, meter)
    meter = meter.switched(active=active, now=int(call.now))
    sandbox.record(meter)
    return meter.as_stripe()


def list_summaries(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/billing/meters/{id}/event_summaries``, newest first."""
    meter = _meter(sandbox, call)
    request = read_summary_request(call.form)
    if request.customer not in sandbox.books.customers and not sandbox.exists_unsigned(request.customer):
        raise no_such("customer", request.customer, "customer")
    lag = sandbox.settings.lag_seconds
    as_of = call.now - lag if lag else inf  # without lag also what was received before the clock was set back
    return page(summaries(sandbox.books, meter, request, as_of), call.form, call.path)


def create_customer(sandbox: Sandbox, call: Call) -> StripeObject:
    """``POST /v1/customers``; the id is invented here, as Stripe does."""
    customer = read_customer(call.form, int(call.now))
    clock = sandbox.books.billing.test_clocks.get(customer.test_clock or "")
    if customer.test_clock is not None:
        if clock is None or clock.deleted:
            raise no_such("test clock", customer.test_clock, "test_clock", status=400)
        on_it = sum(each.test_clock == clock.id and not each.deleted for each in sandbox.books.customers.values())
        if on_it >= MOST_CUSTOMERS:
            raise refused(f"A test clock holds {MOST_CUSTOMERS} customers; {clock.id} already does.", "test_clock")
        customer = replace(customer, created=clock.frozen_time)
    sandbox.record(customer)
    return customer.as_stripe()


def retrieve_customer(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v1/customers/{customer}``: created here or seen in a meter event; deleted ones say so."""
    call.form.allow_only()
    customer, has_one = _customer(sandbox, call), sandbox.settings.percent_off
    if customer.deleted or not has_one or sandbox.settings.discount_on != "customer":
        return customer.as_stripe()
    discount = {"id": DISCOUNT, "object": "discount", "source": {"type": "coupon", "coupon": f"{has_one}_off"}}
    return {**customer.as_stripe(), "discount": {**discount, "start": customer.created, "customer": customer.id}}


def delete_customer(sandbox: Sandbox, call: Call) -> StripeObject:
    """``DELETE /v1/customers/{customer}``: later events for it are refused, its subscriptions end, its usage stays."""
    call.form.allow_only()
    customer = _customer(sandbox, call)
    if customer.deleted:
        raise no_such("customer", customer.id, "customer")
    customer = customer.without()
    sandbox.record(customer)
    for subscription in list(sandbox.books.billing.subscriptions.values()):
        if subscription.customer == customer.id and subscription.due_at is not None:
            now = int(sandbox.time_of(customer.test_clock, call.now))
            sandbox.record(subscription.changed(status="canceled", canceled_at=now, ended_at=now))
    return customer.as_stripe()


def list_core_events(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v2/core/events``: meter events that were refused after their receipt, and invoices; newest first."""
    books = sandbox.books
    return event_page(books.reports, books.billing.thin_events(call.now), call.form, call.now)


def retrieve_core_event(sandbox: Sandbox, call: Call) -> StripeObject:
    """``GET /v2/core/events/{id}``."""
    call.form.allow_only()
    books = sandbox.books
    return event_of(books.reports, books.billing.thin_events(call.now), call.names["id"], call.now)


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
    ("POST", METER_EVENTS, create_meter_event),
    ("GET", "/v1/billing/meters/{id}/event_summaries", list_summaries),
    ("POST", "/v1/billing/meter_event_adjustments", cancel_meter_event),
    ("POST", "/v1/billing/meters", create_meter),
    ("GET", "/v1/billing/meters", list_meters),
    ("GET", "/v1/billing/meters/{id}", retrieve_meter),
    ("POST", "/v1/billing/meters/{id}", update_meter),
    ("POST", "/v1/billing/meters/{id}/deactivate", deactivate_meter),
    ("POST", "/v1/billing/meters/{id}/reactivate", reactivate_meter),
    ("POST", "/v1/customers", create_customer),
    ("GET", "/v1/customers/{customer}", retrieve_customer),
    ("DELETE", "/v1/customers/{customer}", delete_customer),
    ("GET", CORE_EVENTS, list_core_events),
    ("GET", f"{CORE_EVENTS}/{{id}}", retrieve_core_event),
)
