"""Deliver: many calls at once, but one at a time per customer and meter, and an end when Stripe is down."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fridge_pipeline.database.failpoints import Effect, Witness
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.rules.answer import OPEN_OUTCOMES, Answer, Outcome
from fridge_pipeline.stripe.rules.meter_event import Lane, Sending

#: So many calls in a row without a decision mean that Stripe is down, not that one call was unlucky.
UNDECIDED_CALLS_MAX = 5


class StopSign:
    """Raised by any call that shows that the others are futile; looked at before each call and each further try.

    One stop sign serves a whole push. ``out_of_time`` says that its deadline has passed.
    """

    def __init__(self, place: str, out_of_time: Callable[[], bool]) -> None:
        self._place = place
        self._out_of_time = out_of_time
        self._reason: str | None = None
        self._last_undecided: str | None = None
        self._undecided_in_a_row = 0
        self._lock = threading.Lock()

    def is_raised(self) -> bool:
        """Whether to call no more."""
        if self._reason is None and self._out_of_time():
            self._reason = "the time for one push is over; the next one goes on"
        return self._reason is not None

    @property
    def reason(self) -> str | None:
        """Why it is raised; ``None`` when it is not."""
        return self._reason

    def watch(self, answer: Answer) -> None:
        """Takes one call's answer into account."""
        with self._lock:
            if answer.outcome is Outcome.KEY_REFUSED:
                self._reason = self._reason or f"{self._place} refused the API key: {answer.text}"
            if answer.outcome not in OPEN_OUTCOMES:
                self._undecided_in_a_row = 0
                return
            verb = "answers with errors only" if answer.reached else "does not answer"
            self._last_undecided = f"{self._place} {verb}: {answer.text}"
            self._undecided_in_a_row += 1
            if self._undecided_in_a_row >= UNDECIDED_CALLS_MAX:
                self._reason = self._reason or self._last_undecided

    def give_up(self, reason: str) -> None:
        """Raises it for a reason that no answer shows."""
        self._reason = self._reason or reason

    def end(self, outcomes: Iterable[Outcome]) -> None:
        """After the last call: a push in which nothing at all was decided has met a Stripe that is down, too."""
        if self._last_undecided is not None and all(outcome in OPEN_OUTCOMES for outcome in outcomes):
            self._reason = self._reason or self._last_undecided


def deliver(
    gateway: StripeGateway, sendings: Sequence[Sending], max_in_flight: int, stop_sign: StopSign, witness: Witness
) -> dict[Sending, Answer]:
    """Sends each of these, in the given order within a customer and meter, and returns an answer for each."""
    lanes: dict[Lane, list[Sending]] = defaultdict(list)
    for sending in sendings:
        lanes[sending.lane].append(sending)
    waiting = deque(lanes.values())
    callers = max(1, min(max_in_flight, len(lanes)))
    answers: dict[Sending, Answer] = {}
    with ThreadPoolExecutor(max_workers=callers) as pool:
        try:
            for answered in pool.map(lambda _: _take_lanes(gateway, waiting, stop_sign, witness), range(callers)):
                answers.update(answered)
        finally:
            waiting.clear()  # when we are interrupted, no caller takes a new lane
    return answers


def _take_lanes(
    gateway: StripeGateway, waiting: deque[list[Sending]], stop_sign: StopSign, witness: Witness
) -> dict[Sending, Answer]:
    """One caller: takes one lane after another until none waits. When one caller fails, no other takes a new lane."""
    answers: dict[Sending, Answer] = {}
    try:
        while True:
            try:
                lane = waiting.popleft()
            except IndexError:
                return answers
            _drive(gateway, lane, stop_sign, witness, answers)
    except BaseException:
        waiting.clear()
        raise


def _drive(
    gateway: StripeGateway,
    lane: Iterable[Sending],
    stop_sign: StopSign,
    witness: Witness,
    answers: dict[Sending, Answer],
) -> None:
    for sending in lane:
        if stop_sign.is_raised():
            answers[sending] = Answer(Outcome.NOT_SENT, stop_sign.reason or "")
            continue
        call = gateway.cancel_usage if sending.is_cancellation else gateway.state_usage
        answers[sending] = call(sending.event, stop_sign.is_raised)
        witness(Effect.ANSWERED)
        stop_sign.watch(answers[sending])
