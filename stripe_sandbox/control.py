"""The sandbox's own endpoints under ``/_sandbox``: no part of Stripe, and no key needed.

GET    /_sandbox/health     is it up, what time is it there
GET    /_sandbox/usage      its own tally: one row per event name, customer and UTC hour
GET    /_sandbox/requests   the last Stripe requests it saw
POST   /_sandbox/reset      forget everything: an empty account in real time
POST   /_sandbox/clock      {"now": unix} | {"advance_seconds": n} | {"reset": true}, and {"frozen": bool}
GET    /_sandbox/settings   how strict it is; POST changes some of it
GET    /_sandbox/faults     what is to go wrong and how often it did; POST adds, DELETE clears

Since there is no key to guess, not for Stripe's endpoints either, requests that a web page of somebody else sends
through a browser are not obeyed. A browser names the page a request comes from (``Origin``, ``Sec-Fetch-Site``) and the
name it was sent to (``Host``); a page could otherwise let a name of its own point to this machine (DNS rebinding).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.requests import Request

from stripe_sandbox.account import Meter
from stripe_sandbox.books import aggregate, as_number
from stripe_sandbox.calls import REQUESTS_REMEMBERED
from stripe_sandbox.cycle.due import execute_due
from stripe_sandbox.faults import read_faults
from stripe_sandbox.meter_events import MeterEvent
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.settings import REAL_TIME, FreshStart, read_settings
from stripe_sandbox.stripe_shapes import StripeError, read_json, wrong_parameter

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FROM_OURSELVES = frozenset({"same-origin", "none"})
JSON = "application/json"
HOUR = 3_600  # seconds
LONGEST_LIMIT = 9  # digits
HOUR_FORMAT = "%Y-%m-%d-%H:%M"  # 2026-01-24-18:00
LATEST_MOMENT = 253_402_300_799  # the end of the year 9999, unix seconds: what an hour can be written for
_WISHES: dict[str, tuple[type, ...]] = {
    "now": (int, float),
    "advance_seconds": (int, float),
    "frozen": (bool,),
    "reset": (bool,),
}


def require_own_name(request: Request) -> None:
    """Raises ``StripeError`` for a request under a foreign name.

    Names of ours are those of loopback, and the address that the connection was made to.
    """
    authority = request.headers.get("host", "")
    connected_to, _ = request.scope["server"]
    if _host_of(authority) not in LOOPBACK | {connected_to}:
        raise StripeError(403, f"This sandbox is not called {authority[:100]!a}; ask it by its address.")


def require_own_page(request: Request) -> None:
    """The same for a request that would change something for a foreign page too."""
    require_own_name(request)
    if request.method == "GET":
        return
    authority = request.headers.get("host", "")
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    if (origin is not None and urlsplit(origin).netloc.lower() != authority.lower()) or site not in FROM_OURSELVES:
        raise StripeError(403, f"Not from the page of somebody else: {(origin or site)[:100]!a}.")
    sent_as = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if sent_as != JSON:
        raise StripeError(415, f"The sandbox takes {JSON}, not {sent_as[:100]!a}.")


def _host_of(authority: str) -> str:
    """The host of ``host:port`` or ``[::1]:port``, in lower case; empty for what is neither."""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


@dataclass(frozen=True)
class Asked:
    """A request to the sandbox itself."""

    query: Mapping[str, str]
    body: bytes


def health(sandbox: Sandbox, _: Asked) -> dict[str, object]:
    """That it is up, and what it holds; ``now`` in unix seconds on the sandbox's clock."""
    return {
        "status": "ok",
        "now": sandbox.clock.now(),
        "frozen": sandbox.clock.frozen,
        "keeps_state": sandbox.keeps_state,
        "meters": len(sandbox.books.meters),
        "customers": len(sandbox.books.customers),
    }


def usage(sandbox: Sandbox, asked: Asked) -> dict[str, object]:
    """The tally of what counts, by (event name, customer, hour); ``value`` follows the meter's formula.

    The query may name an ``event_name`` and a ``customer``; the counts of received and refused events are
    always those of all, and so are the counts since the start or the last reset of calls turned away before
    their turn and of faults. A replay under an idempotency key is neither received nor refused again.
    """
    query = asked.query
    unknown = set(query) - {"event_name", "customer"}
    if unknown:
        text = f"Received unknown parameter: {min(unknown)}. usage takes event_name and customer."
        raise wrong_parameter(text, min(unknown))
    rows = [
        row
        for meter, customer in sandbox.books.pairs()
        if query.get("event_name") in (None, meter.event_name) and query.get("customer") in (None, customer)
        for row in _rows(meter, customer, sandbox.books.counting(meter, customer))
    ]
    rows.sort(key=lambda row: (str(row["event_name"]), str(row["customer"]), str(row["hour"])))
    return {
        "data": rows,
        "received": sandbox.books.received,
        "refused": sandbox.books.refused,
        "concurrent_calls_refused": sandbox.traffic.calls_at_once,
        "concurrent_keys_refused": sandbox.traffic.keys_at_once,
        "rate_limited": sandbox.traffic.rate_limited,
        "faults": dict(sandbox.faults.fired),
    }


def _rows(meter: Meter, customer: str, events: Iterable[MeterEvent]) -> Iterator[dict[str, object]]:
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


def reset(sandbox: Sandbox, asked: Asked) -> dict[str, object]:
    """Start over with an empty account, so that tests can share one process; the state file forgets too."""
    sandbox.record(FreshStart())
    return health(sandbox, asked)


def set_clock(sandbox: Sandbox, asked: Asked) -> dict[str, object]:
    """Move, stop or reset the clock; a clock that is moved runs on unless it is frozen.

    Raises ``StripeError`` (400) when the body is not one of the documented ones.
    """
    wish = _read_wish(asked.body)
    clock = sandbox.clock
    if wish.get("reset"):
        sandbox.record(REAL_TIME)
    else:
        moment = wish.get("now", clock.now() + wish.get("advance_seconds", 0.0))
        if not 0 <= moment <= LATEST_MOMENT:
            raise wrong_parameter(f"The clock cannot show {moment}: give unix seconds up to the year 9999.", "now")
        sandbox.record(clock.setting_for(moment, frozen=bool(wish.get("frozen", clock.frozen))))
    execute_due(sandbox)
    return {"now": clock.now(), "frozen": clock.frozen}


def show_settings(sandbox: Sandbox, _: Asked) -> dict[str, object]:
    """How strict the sandbox is."""
    return sandbox.settings.as_json()


def change_settings(sandbox: Sandbox, asked: Asked) -> dict[str, object]:
    """Change the settings that are named; all of them. Raises ``StripeError`` (400), then nothing changes."""
    sandbox.record(read_settings(asked.body, sandbox.settings))
    return sandbox.settings.as_json()


def show_faults(sandbox: Sandbox, _: Asked) -> dict[str, object]:
    """The faults since they were last cleared, with how many calls each saw and struck."""
    return {"data": [fault.as_json() for fault in sandbox.faults]}


def add_faults(sandbox: Sandbox, asked: Asked) -> dict[str, object]:
    """Add one fault or a list; all of them. Raises ``StripeError`` (400), then none is added."""
    sandbox.faults.add(read_faults(asked.body))
    return show_faults(sandbox, asked)


def clear_faults(sandbox: Sandbox, asked: Asked) -> dict[str, object]:
    """Take all faults back; calls that were held back to be late stay so."""
    sandbox.faults.clear()
    return show_faults(sandbox, asked)


def requests_seen(sandbox: Sandbox, asked: Asked) -> dict[str, object]:
    """The last Stripe requests, oldest first; ``limit`` in the query says how many at most."""
    limit = asked.query.get("limit", str(REQUESTS_REMEMBERED))
    if set(asked.query) - {"limit"} or not (limit.isdecimal() and len(limit) <= LONGEST_LIMIT):
        raise wrong_parameter("requests takes a limit: a whole number.", "limit")
    seen = list(sandbox.traffic.seen)
    return {"data": [request.as_json() for request in seen[max(0, len(seen) - int(limit)) :]]}


def _read_wish(body: bytes) -> dict[str, float]:
    wish = read_json(body, "The clock takes a JSON object")
    if not isinstance(wish, dict) or not wish or len({"now", "advance_seconds", "reset"} & set(wish)) > 1:
        text = 'Give one of {"now": unix}, {"advance_seconds": n}, {"reset": true}; and also {"frozen": bool}.'
        raise wrong_parameter(text, None)
    for name, value in wish.items():
        if type(value) not in _WISHES.get(name, ()) or not math.isfinite(value):
            raise wrong_parameter(f"The clock cannot take {name} = {value!r}.", name)
    return wish


Control: TypeAlias = Callable[[Sandbox, Asked], dict[str, object]]

CONTROLS: tuple[tuple[str, str, Control], ...] = (
    ("GET", "/_sandbox/health", health),
    ("GET", "/_sandbox/usage", usage),
    ("GET", "/_sandbox/requests", requests_seen),
    ("POST", "/_sandbox/reset", reset),
    ("POST", "/_sandbox/clock", set_clock),
    ("GET", "/_sandbox/settings", show_settings),
    ("POST", "/_sandbox/settings", change_settings),
    ("GET", "/_sandbox/faults", show_faults),
    ("POST", "/_sandbox/faults", add_faults),
    ("DELETE", "/_sandbox/faults", clear_faults),
)
