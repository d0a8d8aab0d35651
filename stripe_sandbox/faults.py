"""Injected faults: what goes wrong with which calls, and how often it did.

A fault sees every call that it matches, from the moment it was posted, and fires on those that its ``nth``,
``times`` and ``probability`` choose. A call is struck by the first fault that fires.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields

from stripe_sandbox.calls import METER_EVENTS, Call, Subject
from stripe_sandbox.settings import is_count, is_seconds
from stripe_sandbox.stripe_shapes import read_json, wrong_parameter


@dataclass
class Fault:
    """One fault; the fields are those of its JSON, times in seconds.

    ``nth`` is the first matching call on which it may fire (1: the next), ``times`` how often it fires at
    most (``None``: no bound). ``seen`` counts matching calls, ``fired`` those that it struck.
    """

    kind: str
    endpoint: str = METER_EVENTS
    method: str | None = None
    customer: str | None = None
    event_name: str | None = None
    identifier: str | None = None
    probability: float | None = None
    seed: int = 0
    nth: int = 1
    times: int | None = None
    seconds: float | None = None
    reason: str | None = None
    code: str | None = None
    message: str | None = None
    samples_max: int | None = None
    seen: int = 0
    fired: int = 0
    _dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - repeatable, not secret

    def would_strike(self, call: Call, subject: Subject) -> bool:
        """Look at a call and count it when it matches; whether this fault wants it."""
        if not self._matches(call, subject):
            return False
        self.seen += 1
        chosen = self.probability is None or self._dice.random() < self.probability
        return chosen and self.seen >= self.nth and (self.times is None or self.fired < self.times)

    def as_json(self) -> dict[str, object]:
        """The fault as it was given, with its defaults, and how often it saw and struck a call."""
        shown = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        if self.probability is None:
            del shown["seed"]
        return {name: value for name, value in shown.items() if value is not None}

    def _matches(self, call: Call, subject: Subject) -> bool:
        return (
            self._is_at(call)
            and self.method in {None, call.method}
            and self.customer in {None, subject.customer}
            and self.event_name in {None, subject.event_name}
            and self.identifier in {None, subject.identifier}
        )

    def _is_at(self, call: Call) -> bool:
        return self.endpoint in {call.template, call.path} or call.path.startswith(self.endpoint.rstrip("/") + "/")


class Faults:
    """The faults that wait for their calls, and how often each kind has fired."""

    def __init__(self) -> None:
        self.fired: Counter[str] = Counter()
        self._waiting: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._waiting)

    def add(self, faults: Iterable[Fault]) -> None:
        """Let these wait behind those that are there."""
        self._waiting.extend(faults)

    def clear(self) -> None:
        """Take all faults back; what has fired stays counted."""
        self._waiting.clear()

    def strike(self, call: Call, subject: Subject) -> Fault | None:
        """The fault that strikes this call, if any; every fault counts the calls that it matches."""
        willing = [fault for fault in self._waiting if fault.would_strike(call, subject)]
        if not willing:
            return None
        willing[0].fired += 1
        self.fired[willing[0].kind] += 1
        return willing[0]


_SPECIFIC: dict[str, tuple[str, ...]] = {  # the kinds, and the fields that only they take
    "drop_before": (),
    "drop_after": (),
    "reset": (),
    "rate_limited": ("reason",),
    "lock_timeout": (),
    "conflict": (),
    "error_500": (),
    "error_500_after": (),
    "unavailable": (),
    "slow": ("seconds",),
    "late": ("seconds",),
    "refuse_asynchronously": ("code", "message", "samples_max"),
    "swallow": (),
    "count_twice": (),
    "refuse": ("code", "message"),
}
_OF_EVENTS = {"refuse_asynchronously", "swallow", "count_twice"}  # what can only befall a meter event


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_positive(value: object) -> bool:
    return is_count(value) and value != 0


_ALLOWED: dict[str, tuple[Callable[[object], bool], str]] = {
    "endpoint": (lambda v: isinstance(v, str) and v.startswith("/"), "a path such as /v1/billing/meter_events"),
    "method": (lambda v: v in ("GET", "POST", "DELETE"), "GET, POST or DELETE"),
    "customer": (_is_text, "a text"),
    "event_name": (_is_text, "a text"),
    "identifier": (_is_text, "a text"),
    "probability": (lambda v: is_seconds(v) and v <= 1, "a number from 0 to 1"),  # type: ignore[operator]
    "seed": (lambda v: type(v) is int, "a whole number"),
    "nth": (_is_positive, "a whole number from 1"),
    "times": (_is_positive, "a whole number from 1"),
    "seconds": (is_seconds, "a number of seconds"),
    "reason": (_is_text, "a text"),
    "code": (_is_text, "a text"),
    "message": (_is_text, "a text"),
    "samples_max": (is_count, "a whole number"),
}
_COMMON = ("endpoint", "method", "customer", "event_name", "identifier", "probability", "seed", "nth", "times")


def read_faults(body: bytes) -> list[Fault]:
    """One fault or a list of them. Raises ``StripeError`` (400); then none is taken."""
    told = read_json(body, "A fault is a JSON object")
    return [_read(each) for each in (told if isinstance(told, list) else [told])]


def _read(told: object) -> Fault:
    if not isinstance(told, dict) or told.get("kind") not in [*_SPECIFIC]:
        raise wrong_parameter(f"A fault has a kind: one of {', '.join(_SPECIFIC)}. Received {told!r}.", "kind")
    kind = told["kind"]
    given = {name: value for name, value in told.items() if name != "kind"}
    for name, value in given.items():
        if name not in _COMMON and name not in _SPECIFIC[kind]:
            takes = ", ".join((*_SPECIFIC[kind], *_COMMON))
            raise wrong_parameter(f"A fault of kind {kind} takes no {name}; it takes {takes}.", name)
        allows, words = _ALLOWED[name]
        if not allows(value):
            raise wrong_parameter(f"{name} of a fault has to be {words}; received {value!r}.", name)
    if "seconds" in _SPECIFIC[kind] and "seconds" not in given:
        raise wrong_parameter(f"A fault of kind {kind} needs seconds.", "seconds")
    if kind in _OF_EVENTS and given.get("endpoint", METER_EVENTS) != METER_EVENTS:
        raise wrong_parameter(f"A fault of kind {kind} befalls {METER_EVENTS} only.", "endpoint")
    if "probability" not in given:
        given.setdefault("times", 1)
    return Fault(kind, **given)
