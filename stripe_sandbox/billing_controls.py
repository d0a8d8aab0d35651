"""The sandbox's own endpoints for invoices, under ``/_sandbox``: what tests cannot do as a caller of Stripe.

POST   /_sandbox/usage      many meter events at once, received whenever they say
POST   /_sandbox/invoices   what somebody else does to an invoice: hold it, edit it, finalize it, make it fail
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stripe_sandbox.billing.invoices import Invoice
from stripe_sandbox.billing.lines import Line
from stripe_sandbox.control import LATEST_MOMENT, Asked, Control
from stripe_sandbox.cycle.drafting import as_shown, record_and_tell
from stripe_sandbox.cycle.finalizing import finalize, void
from stripe_sandbox.meter_events import EventRequest, event_on
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.stripe_shapes import no_such, read_json, wrong_parameter

_ACTS = ("finalize", "void")
_REFUND_STATUSES = ("pending", "requires_action", "succeeded", "failed", "canceled")


def _is_moment(value: object) -> bool:
    return type(value) in {int, float} and 0 <= value <= LATEST_MOMENT  # type: ignore[operator]


def _is_line(value: object) -> bool:
    return (
        isinstance(value, dict)
        and type(value.get("amount")) is int
        and isinstance(value.get("description", ""), str)
        and value.keys() <= {"amount", "description"}
    )


#: What may be done to an invoice: what it takes, and that in words.
_EDITS: dict[str, tuple[Callable[[object], bool], str]] = {
    "auto_advance": (lambda v: type(v) is bool, "true or false"),
    "automatically_finalizes_at": (lambda v: v is None or (type(v) is int and _is_moment(v)), "unix seconds, or null"),
    "metadata": (
        lambda v: isinstance(v, dict) and all(isinstance(each, str | None) for each in v.values()),
        "texts or null, by name",
    ),
    "fails_with": (lambda v: v is None or isinstance(v, str), "a text, or null"),
    "refunds": (
        lambda v: isinstance(v, dict) and all(each in _REFUND_STATUSES for each in v.values()),
        f"{' or '.join(_REFUND_STATUSES)}, by id",
    ),
    "line": (_is_line, '{"amount": whole number, "description": text}'),
    "act": (lambda v: v in _ACTS, " or ".join(_ACTS)),
}


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
    if not isinstance(rows, list) or not _is_moment(received_at):
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
    ``{"amount", "description"}``, ``fails_with`` (why it cannot become final; null: it can), the statuses of its
    ``refunds`` by id, ``act`` finalize or void. Raises ``StripeError`` (400, 404).
    """
    told = _object(asked.body)
    if set(told) - {"invoice", *_EDITS}:
        raise wrong_parameter(f"Give invoice and some of {', '.join(_EDITS)}.", None)
    for name, (allows, words) in _EDITS.items():
        if name in told and not allows(told[name]):
            raise wrong_parameter(f"{name} of an invoice has to be {words}; received {told[name]!r}.", name)
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
    if "refunds" in told:
        changes["refunds"] = tuple(
            replace(each, status=told["refunds"].get(each.id, each.status)) for each in invoice.refunds
        )
    if "line" in told:
        line = Line(
            id=f"il_{secrets.token_hex(12)}",
            amount=told["line"]["amount"],
            currency=invoice.currency,
            description=told["line"].get("description", "added by hand"),
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
