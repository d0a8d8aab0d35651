"""The sandbox's own endpoints under ``/_sandbox``: no part of Stripe, and no key needed.

GET  /_sandbox/health   is it up, what time is it there
GET  /_sandbox/usage    its own tally: one row per event name, customer and UTC hour
POST /_sandbox/reset    forget everything: an empty account in real time
POST /_sandbox/clock    {"now": unix} | {"advance_seconds": n} | {"reset": true}, and {"frozen": bool}
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fridge_pipeline.stripe_sandbox.clock import REAL_TIME, FreshStart
from fridge_pipeline.stripe_sandbox.errors import wrong_parameter
from fridge_pipeline.stripe_sandbox.summary import aggregate, as_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fridge_pipeline.stripe_sandbox.meter import Meter
    from fridge_pipeline.stripe_sandbox.meter_event import MeterEvent
    from fridge_pipeline.stripe_sandbox.sandbox import Sandbox

HOUR = 3_600  # seconds
HOUR_FORMAT = "%Y-%m-%d-%H:%M"  # 2026-01-24-18:00
_WISHES: dict[str, tuple[type, ...]] = {
    "now": (int, float),
    "advance_seconds": (int, float),
    "frozen": (bool,),
    "reset": (bool,),
}
LATEST_MOMENT = 253_402_300_799  # the end of the year 9999, unix seconds: what an hour can be written for


def health(sandbox: Sandbox) -> dict[str, object]:
    """That it is up, and what it holds; ``now`` in unix seconds on the sandbox's clock."""
    return {
        "status": "ok",
        "now": sandbox.clock.now(),
        "frozen": sandbox.clock.frozen,
        "keeps_state": sandbox.keeps_state,
        "meters": len(sandbox.books.meters),
        "customers": len(sandbox.books.customers),
    }


def usage(sandbox: Sandbox, query: Mapping[str, str]) -> dict[str, object]:
    """The tally of what counts, by (event name, customer, hour); ``value`` follows the meter's formula.

    ``query`` may name an ``event_name`` and a ``customer``; the counts of received and refused events are
    always those of all. A replay under an idempotency key is neither received nor refused again.
    """
    unknown = set(query) - {"event_name", "customer"}
    if unknown:
        text = f"Received unknown parameter: {min(unknown)}. usage takes event_name and customer."
        raise wrong_parameter(text, min(unknown))
    rows = [
        row
        for meter, customer, slots in sandbox.books.every_slot()
        if query.get("event_name") in (None, meter.event_name) and query.get("customer") in (None, customer)
        for row in _rows(meter, customer, [event for events in slots.values() for event in events])
    ]
    rows.sort(key=lambda row: (str(row["event_name"]), str(row["customer"]), str(row["hour"])))
    return {"data": rows, "received": sandbox.books.received, "refused": sandbox.books.refused}


def _rows(meter: Meter, customer: str, events: list[MeterEvent]) -> Iterator[dict[str, object]]:
    hours: dict[int, list[MeterEvent]] = {}
    for event in events:
        hours.setdefault(event.timestamp - event.timestamp % HOUR, []).append(event)
    for start, of_hour in hours.items():
        yield {
            "event_name": meter.event_name,
            "meter": meter.id,
            "customer": customer,
            "hour": datetime.fromtimestamp(start, UTC).strftime(HOUR_FORMAT),
            "value": as_number(aggregate(meter.formula, of_hour)),
            "events": len(of_hour),
        }


def reset(sandbox: Sandbox) -> dict[str, object]:
    """Start over with an empty account, so that tests can share one process; the state file forgets too."""
    sandbox.record(FreshStart())
    return health(sandbox)


def set_clock(sandbox: Sandbox, body: bytes) -> dict[str, object]:
    """Move, stop or reset the clock; a clock that is moved runs on unless it is frozen.

    Raises ``StripeError`` (400) when the body is not one of the documented ones.
    """
    wish = _read_wish(body)
    clock = sandbox.clock
    if wish.get("reset"):
        sandbox.record(REAL_TIME)
    else:
        moment = wish.get("now", clock.now() + wish.get("advance_seconds", 0.0))
        if not 0 <= moment <= LATEST_MOMENT:
            raise wrong_parameter(f"The clock cannot show {moment}: give unix seconds up to the year 9999.", "now")
        sandbox.record(clock.setting_for(moment, frozen=bool(wish.get("frozen", clock.frozen))))
    return {"now": clock.now(), "frozen": clock.frozen}


def _read_wish(body: bytes) -> dict[str, float]:
    try:
        wish = json.loads(body)
    except ValueError as error:
        raise wrong_parameter(f"The clock takes a JSON object ({error}).", None) from error
    if not isinstance(wish, dict) or not wish or len({"now", "advance_seconds", "reset"} & set(wish)) > 1:
        text = 'Give one of {"now": unix}, {"advance_seconds": n}, {"reset": true}; and also {"frozen": bool}.'
        raise wrong_parameter(text, None)
    for name, value in wish.items():
        if type(value) not in _WISHES.get(name, ()) or not math.isfinite(value):
            raise wrong_parameter(f"The clock cannot take {name} = {value!r}.", name)
    return wish
