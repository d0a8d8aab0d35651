"""Injected faults: what goes wrong with which calls, and how often it did.

A fault sees every call that it matches, from the moment it was posted, and fires on those that its ``nth``,
``times`` and ``probability`` choose. A call is struck by the first fault that fires.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from stripe_sandbox.call import METER_EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stripe_sandbox.call import Call, Subject


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
