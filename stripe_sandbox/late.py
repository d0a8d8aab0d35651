"""Calls that were cut off on arrival and execute themselves later: an older request overtaken by newer ones."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe_sandbox.call import Call
    from stripe_sandbox.stripe_api import Endpoint


@dataclass(order=True)
class _Held:
    due: float
    turn: int
    endpoint: Endpoint = field(compare=False)
    call: Call = field(compare=False)


class LateCalls:
    """What is still to be executed, by the sandbox time (unix seconds) at which it is due."""

    def __init__(self) -> None:
        self._held: list[_Held] = []
        self._turns = 0

    def hold_back(self, endpoint: Endpoint, call: Call, due: float) -> None:
        """Keep a call until its time has come."""
        self._turns += 1
        heapq.heappush(self._held, _Held(due, self._turns, endpoint, call))

    def due(self, now: float) -> Iterator[tuple[Endpoint, Call]]:
        """Take out the calls whose time has come, in the order of their times, each as of its time.

        A clock that jumps passes them on its way: an identifier is not forgotten because a test saves hours.
        """
        while self._held and self._held[0].due <= now:
            held = heapq.heappop(self._held)
            yield held.endpoint, replace(held.call, now=held.due)
