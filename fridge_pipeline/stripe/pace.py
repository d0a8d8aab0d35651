"""The pace: never more calls a second than Stripe allows, spread evenly, shared by all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pace:
    """Gives each caller the next free moment; ``monotonic`` and ``sleep`` are the caller's clock."""

    def __init__(self, calls_per_second: float, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        if calls_per_second <= 0:
            raise ValueError(f"calls per second must be positive, got {calls_per_second}")
        self._interval = 1.0 / calls_per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._next_free = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when the caller may call."""
        with self._lock:
            now = self._monotonic()
            moment = max(now, self._next_free)
            self._next_free = moment + self._interval
        if moment > now:
            self._sleep(moment - now)

    def hold_back(self, seconds: float) -> None:
        """Lets nobody call for so long: Stripe has said that all of us together are too fast."""
        with self._lock:
            self._next_free = max(self._next_free, self._monotonic() + seconds)
