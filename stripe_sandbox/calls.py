"""Calls on their way: what one asks and whom it concerns, how many come at once, and which come late.

Nothing here is kept across restarts. Times are the sandbox's own, except in the rate limit, which takes real seconds
of a monotonic source.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from stripe_sandbox.books import Books
from stripe_sandbox.meter_events import COUNTED_ONCE, Fate
from stripe_sandbox.settings import Settings
from stripe_sandbox.stripe_shapes import Fields, Form, key_in_use, lock_timeout, rate_limited

METER_EVENTS = "/v1/billing/meter_events"
REQUESTS_REMEMBERED = 1_000


@dataclass(frozen=True)
class Call:
    """One authenticated request; ``now`` (unix seconds, sandbox clock) is the same all through it.

    ``template`` is the route (``/v1/billing/meters/{id}``), ``names`` what stands in its braces; ``key`` the
    ``Idempotency-Key`` of a POST; ``lacking`` are permissions that the caller has not. ``fate`` is what becomes of a
    meter event that is accepted.
    """

    method: str
    path: str
    template: str
    names: Mapping[str, str]
    form: Form
    now: float
    request_id: str
    key: str | None = None
    fate: Fate = COUNTED_ONCE
    lacking: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Subject:
    """Whom a call concerns, as far as it says so."""

    event_name: str | None
    meter: str | None
    customer: str | None
    identifier: str | None


def subject_of(books: Books, call: Call) -> Subject:
    """Read the subject from wherever this endpoint has it; O(1), and nothing is refused here."""
    fields = call.form.fields
    event_name = _text(fields, "event_name")
    meter = books.active_meter(event_name) if event_name else books.meters.get(call.names.get("id", ""))
    payload, cancel = fields.get("payload"), fields.get("cancel")
    if isinstance(payload, dict):
        customer = _text(payload, meter.customer_key if meter else "stripe_customer_id")
    else:
        customer = _text(fields, "customer") or call.names.get("customer")
    return Subject(
        event_name=event_name or (meter.event_name if meter else None),
        meter=meter.id if meter else None,
        customer=customer,
        identifier=_text(cancel if isinstance(cancel, dict) else fields, "identifier"),
    )


def ordering_key_of(call: Call, subject: Subject) -> str | None:
    """The customer and meter that a meter event call holds while it is at work; no other call holds one."""
    if call.template != METER_EVENTS or subject.meter is None or subject.customer is None:
        return None
    return f"{subject.meter} {subject.customer}"


def _text(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


@dataclass
class RequestSeen:
    """One Stripe request as it arrived, without its key.

    ``status`` is what went back; ``None`` while it is at work and when its connection was cut.
    """

    method: str
    path: str
    fields: Fields
    idempotency_key: str | None
    at: float
    status: int | None = None
    fault: str | None = None

    def as_json(self) -> dict[str, object]:
        """The request by the names of its fields."""
        return asdict(self)


class Traffic:
    """The rate limit, the calls at work and the last requests of one account.

    ``seconds`` gives real monotonic seconds. ``calls_at_once`` counts second calls for a customer and meter
    that were refused, ``keys_at_once`` those under an idempotency key at work.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.seen: deque[RequestSeen] = deque(maxlen=REQUESTS_REMEMBERED)
        self.rate_limited = 0
        self.calls_at_once = 0
        self.keys_at_once = 0
        self._seconds = seconds
        self._tokens = 0.0
        self._filled_at: float | None = None
        self._ordering_keys: set[str] = set()
        self._keys: set[str] = set()

    def admit(self, settings: Settings) -> None:
        """Let a call pass the rate limit: a token bucket that holds the calls of one second.

        Raises ``StripeError`` (429, ``global-rate``).
        """
        rate = settings.calls_per_second
        if rate is None:
            return
        now, full = self._seconds(), max(rate, 1.0)
        idle = now - self._filled_at if self._filled_at is not None else full
        self._tokens, self._filled_at = min(full, self._tokens + idle * rate), now
        if self._tokens < 1:
            self.rate_limited += 1
            raise rate_limited("global-rate")
        self._tokens -= 1

    @contextmanager
    def at_work(self, key: str | None, ordering_key: str | None, settings: Settings) -> Iterator[None]:
        """Hold an idempotency key and a customer's meter (``ordering_key``) while the call is at work.

        Raises ``StripeError``: 409 when the key is held by another call, the chosen status when the ordering key is.
        """
        if key is not None and key in self._keys:
            self.keys_at_once += 1
            raise key_in_use(key)
        if ordering_key is not None and ordering_key in self._ordering_keys:
            self.calls_at_once += 1
            raise lock_timeout(int(settings.concurrency_answer))
        if key is not None:
            self._keys.add(key)
        if ordering_key is not None:
            self._ordering_keys.add(ordering_key)
        try:
            yield
        finally:
            if key is not None:
                self._keys.discard(key)
            if ordering_key is not None:
                self._ordering_keys.discard(ordering_key)


@dataclass(order=True)
class _Held:
    due: float
    turn: int
    execute: Callable[[float], object] = field(compare=False)


class LateCalls:
    """Calls that were cut off on arrival and execute themselves later: older requests overtaken by newer ones."""

    def __init__(self) -> None:
        self._held: list[_Held] = []
        self._turns = 0

    def hold_back(self, execute: Callable[[float], object], due: float) -> None:
        """Keep a call until it is ``due`` (unix seconds, sandbox clock); ``execute`` is given that time."""
        self._turns += 1
        heapq.heappush(self._held, _Held(due, self._turns, execute))

    def execute_due(self, now: float) -> None:
        """Execute the calls whose time has come, in the order of their times, each as of its time.

        A clock that jumps passes them on its way: an identifier is not forgotten because a test saves hours.
        """
        while self._held and self._held[0].due <= now:
            held = heapq.heappop(self._held)
            held.execute(held.due)
