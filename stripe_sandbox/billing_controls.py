"""The sandbox's own endpoints for invoices, under ``/_sandbox``: what tests cannot do as a caller of Stripe.

POST   /_sandbox/usage      many meter events at once, received whenever they say
POST   /_sandbox/invoices   what somebody else does to an invoice: hold it, edit it, finalize it, make it fail
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.billing.lines import Line
from stripe_sandbox.control import Asked, Control
from stripe_sandbox.cycle.drafting import as_shown, record_and_tell
from stripe_sandbox.cycle.finalizing import finalize, void
from stripe_sandbox.meter_events import EventRequest, event_on
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_shapes import no_such, read_json, wrong_parameter

_EDITS = ("auto_advance", "automatically_finalizes_at", "metadata", "fails_with", "line", "act")
_ACTS = ("finalize", "void")


def receive_usage(sandbox: Sandbox, asked: Asked) -> dict[str, object]:
    """Receive ``{"event_name", "events": [[customer, timestamp, value], …]}``, each at once or ``received_at``.

    Neither their age nor their customer is checked, so that months of many customers are there in a second; whatever
    else a meter event can be refused for refuses all of them (``StripeError``, 400).
    """
    told = _object(asked.body)
    meter = sandbox.books.active_meter(str(told.get("event_name")))
    if meter is None:
        raise wrong_parameter(f"No active meter found for event name {told.get('event_name')!r}.", "event_name")
    now = sandbox.clock.now()
    received_at = told.get("received_at", now)
    rows = told.get("events")
    if not isinstance(rows, list) or type(received_at) not in {int, float}:
        raise wrong_parameter("Give events: a list of [customer, timestamp, value]; received_at is a time.", "events")
    events = []
    for row in rows:
        if not isinstance(row, list) or [type(each) for each in row[:2]] != [str, int] or len(row) != 3:  # noqa: PLR2004
            raise wrong_parameter(f"An event is [customer, timestamp, value]; received {row!r}.", "events")
        payload = {meter.customer_key: row[0], meter.value_key: str(row[2])}
        request = EventRequest(meter.event_name, secrets.token_hex(16), payload, row[1])
        events.append(replace(event_on(meter, request, now, float(row[1])), received_at=float(received_at)))
    for event in events:
        sandbox.record(event)
    return {"received": len(events)}


def edit_invoice(sandbox: Sandbox, asked: Asked) -> dict[str, object]:
    """Do to ``invoice`` what its Dashboard or another program could do, without a trace among the requests.

    ``auto_advance``, ``automatically_finalizes_at`` (null: not scheduled), ``metadata``, a ``line`` of
    ``{"amount", "description"}``, ``fails_with`` (why it cannot become final; null: it can), ``act`` finalize or void.
    Raises ``StripeError`` (400, 404).
    """
    told = _object(asked.body)
    unknown = set(told) - {"invoice", *_EDITS}
    if unknown or told.get("act", _ACTS[0]) not in _ACTS:
        raise wrong_parameter(f"Give invoice and some of {', '.join(_EDITS)}; act is {' or '.join(_ACTS)}.", None)
    invoice = sandbox.books.billing.invoices.get(str(told.get("invoice")))
    if invoice is None:
        raise no_such("invoice", str(told.get("invoice")), "invoice")
    now = int(sandbox.time_of(invoice.test_clock, sandbox.clock.now()))
    edited = _edited(invoice, told, now)
    if edited != invoice:
        record_and_tell(sandbox, "invoice.updated", edited, now)
    if told.get("act") == "finalize":
        edited = finalize(sandbox, edited, now, collect=edited.auto_advance)
    elif told.get("act") == "void":
        edited = void(sandbox, edited, now)
    return as_shown(sandbox, edited).as_stripe()


def _edited(invoice: Invoice, told: dict[str, Any], now: int) -> Invoice:
    changes: dict[str, Any] = {name: told[name] for name in ("auto_advance", "fails_with") if name in told}
    if "automatically_finalizes_at" in told:
        moment = told["automatically_finalizes_at"]
        changes |= {"finalizes_at": moment, "scheduled": moment is not None}
    if "metadata" in told:
        changes["metadata"] = {**invoice.metadata, **told["metadata"]}
    if "line" in told:
        line = Line(
            id=f"il_{secrets.token_hex(12)}",
            amount=int(told["line"]["amount"]),
            currency=invoice.currency,
            description=str(told["line"].get("description", "added by hand")),
            start=now,
            end=now,
            invoice_item=f"ii_{secrets.token_hex(12)}",
        )
        changes["lines"] = (*invoice.lines, line)
    return invoice.changed(**changes)


def _object(body: bytes) -> dict[str, Any]:
    told = read_json(body, "Give a JSON object")
    if not isinstance(told, dict):
        raise wrong_parameter("Give a JSON object.", None)
    return told


BILLING_CONTROLS: tuple[tuple[str, str, Control], ...] = (
    ("POST", "/_sandbox/usage", receive_usage),
    ("POST", "/_sandbox/invoices", edit_invoice),
)
