"""Faults as JSON: which fields each kind takes, and refusals that name what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stripe_sandbox.call import METER_EVENTS
from stripe_sandbox.errors import wrong_parameter
from stripe_sandbox.faults import Fault
from stripe_sandbox.settings import is_count, is_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "method": (lambda v: v in {"GET", "POST", "DELETE"}, "GET, POST or DELETE"),
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
    try:
        told = json.loads(body)
    except ValueError as error:
        raise wrong_parameter(f"A fault is a JSON object ({error}).", None) from error
    return [_read(each) for each in (told if isinstance(told, list) else [told])]


def _read(told: object) -> Fault:
    if not isinstance(told, dict) or told.get("kind") not in _SPECIFIC:
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
