"""Circuit breaker: ends the calls to Stripe once one of them shows that the others are futile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from fridge_pipeline.stripe.rules.answer import OPEN_OUTCOMES, Answer, Outcome

#: So many calls in a row without a decision mean that Stripe is down, not that one call was unlucky.
UNDECIDED_CALLS_MAX = 5


class CircuitBreaker:
    """Closed while Stripe is called. One serves a whole delivery and all its workers, and stays open once it is.

    It is asked before each call and each further try. ``out_of_time`` says that the delivery's deadline has passed.
    """

    def __init__(self, location: str, out_of_time: Callable[[], bool]) -> None:
        self._location = location
        self._out_of_time = out_of_time
        self._reason: str | None = None
        self._last_undecided: str | None = None
        self._undecided_in_a_row = 0
        self._lock = threading.Lock()

    def is_open(self) -> bool:
        """Whether to call no more."""
        if self._reason is None and self._out_of_time():
            self.open("the time for one push is over; the next one goes on")
        return self._reason is not None

    @property
    def reason(self) -> str | None:
        """Why it is open; ``None`` while it is closed."""
        return self._reason

    def open(self, reason: str) -> None:
        """Ends the calls; the first reason stays."""
        self._reason = self._reason or reason

    def record(self, answer: Answer) -> None:
        """Takes one call's answer into account."""
        with self._lock:
            if answer.outcome is Outcome.KEY_REFUSED:
                self.open(f"{self._location} refused the API key: {answer.text}")
            if answer.outcome not in OPEN_OUTCOMES:
                self._undecided_in_a_row = 0
                return
            verb = "answers with errors only" if answer.reached else "does not answer"
            self._last_undecided = f"{self._location} {verb}: {answer.text}"
            self._undecided_in_a_row += 1
            if self._undecided_in_a_row >= UNDECIDED_CALLS_MAX:
                self.open(self._last_undecided)

    def conclude(self, outcomes: Iterable[Outcome]) -> None:
        """After the last call: a delivery in which nothing at all was decided has met a Stripe that is down, too."""
        if self._last_undecided is not None and all(outcome in OPEN_OUTCOMES for outcome in outcomes):
            self.open(self._last_undecided)
