"""Calls as they come in: how many a second, which at the same time, and what was seen of them.

Nothing here is kept across restarts. Times are real seconds of a monotonic source, except ``at`` in the
requests seen, which is the sandbox's own time.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from stripe_sandbox.errors import key_in_use, lock_timeout, rate_limited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stripe_sandbox.settings import Settings
    from stripe_sandbox.stripe_shapes import Fields

REQUESTS_REMEMBERED = 1_000


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
        self._lanes: set[str] = set()
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
    def at_work(self, key: str | None, lane: str | None, settings: Settings) -> Iterator[None]:
        """Hold an idempotency key and a customer's meter (``lane``) while the call is at work.

        Raises ``StripeError``: 409 when the key is held by another call, the chosen status when the lane is.
        """
        if key is not None and key in self._keys:
            self.keys_at_once += 1
            raise key_in_use(key)
        if lane is not None and lane in self._lanes:
            self.calls_at_once += 1
            raise lock_timeout(int(settings.concurrency_answer))
        if key is not None:
            self._keys.add(key)
        if lane is not None:
            self._lanes.add(lane)
        try:
            yield
        finally:
            if key is not None:
                self._keys.discard(key)
            if lane is not None:
                self._lanes.discard(lane)
