"""Deliver: many calls at once, but one at a time per customer and meter, and an end when Stripe is down."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fridge_pipeline.adapters.stripe.gateway import StripeGateway
from fridge_pipeline.domain.answer import Answer, Outcome
from fridge_pipeline.domain.meter_event import MeterEvent

#: So many undecided calls in a row mean that Stripe is down, not that one call was unlucky.
UNDECIDED_CALLS_MAX = 5


@dataclass(frozen=True, slots=True)
class Delivery:
    """Stripe's answers; ``stopped`` says why the rest was not sent, ``None`` when everything was."""

    answers: dict[MeterEvent, Answer]
    stopped: str | None


class StopSign:
    """Raised by any call that shows that the others are futile; looked at before each call."""

    def __init__(self, place: str) -> None:
        self.reason: str | None = None
        self._place = place
        self._undecided_in_a_row = 0
        self._lock = threading.Lock()

    def watch(self, answer: Answer) -> None:
        """Takes one call's answer into account."""
        with self._lock:
            if answer.outcome is Outcome.KEY_REFUSED:
                self.reason = self.reason or f"{self._place} refused the API key: {answer.text}"
            if answer.outcome is not Outcome.UNDECIDED:
                self._undecided_in_a_row = 0
                return
            self._undecided_in_a_row += 1
            if self._undecided_in_a_row >= UNDECIDED_CALLS_MAX:
                verb = "answers with errors only" if answer.reached else "is unreachable"
                self.reason = self.reason or f"{self._place} {verb}: {answer.text}"


def deliver(gateway: StripeGateway, events: Sequence[MeterEvent], max_in_flight: int) -> Delivery:
    """Sends the events, oldest first within a customer and meter, and returns an answer for each."""
    lanes: dict[tuple[str, str], list[MeterEvent]] = defaultdict(list)
    for event in events:
        lanes[event.stripe_customer_id, event.event_name].append(event)
    stop_sign = StopSign(gateway.place)
    answers: dict[MeterEvent, Answer] = {}
    with ThreadPoolExecutor(max_workers=max(1, min(max_in_flight, len(lanes)))) as pool:
        for answered in pool.map(lambda lane: _drive(gateway, lane, stop_sign), lanes.values()):
            answers.update(answered)
    undecided_all = bool(answers) and all(answer.outcome is Outcome.UNDECIDED for answer in answers.values())
    if stop_sign.reason is None and undecided_all and not any(answer.reached for answer in answers.values()):
        return Delivery(answers, f"{gateway.place} is unreachable: {next(iter(answers.values())).text}")
    return Delivery(answers, stop_sign.reason)


def _drive(gateway: StripeGateway, lane: Iterable[MeterEvent], stop_sign: StopSign) -> dict[MeterEvent, Answer]:
    answers = {}
    for event in lane:
        if stop_sign.reason is not None:
            answers[event] = Answer(Outcome.NOT_SENT, stop_sign.reason)
            continue
        answers[event] = gateway.state_usage(event)
        stop_sign.watch(answers[event])
    return answers
