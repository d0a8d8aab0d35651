"""Workers: many calls to Stripe at once, and one at a time for each customer and meter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Condition
from typing import Self

from fridge_pipeline.stripe.rules.answer import Answer
from fridge_pipeline.stripe.rules.meter_event import DeliveryAttempt

#: What was said, and what Stripe answered.
Answered = tuple[DeliveryAttempt, Answer]


class Workers:
    """Threads that share one queue: each takes the attempts of one ordering key and makes them in their order.

    Whoever fills the queue puts an ordering key into it again only when all that it had given of it is answered.
    When one call raises, no worker begins another. Leaving the ``with`` block waits for the calls that are under way.
    """

    def __init__(self, call: Callable[[DeliveryAttempt], Answer], count: int) -> None:
        self._call = call
        self._queue: SimpleQueue[Sequence[DeliveryAttempt] | None] = SimpleQueue()
        self._answered: list[Answered] = []
        self._wanted = 0
        self._changed = Condition()
        self._count = count
        self._pool = ThreadPoolExecutor(count, "stripe")
        #: How many of the attempts that were given have not been taken back with their answers.
        self.unanswered = 0
        self.failure: BaseException | None = None

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._pool.submit(self._work)
        return self

    def __exit__(self, *_error: object) -> None:
        for _worker in range(self._count):
            self._queue.put(None)
        self._pool.shutdown()

    def give(self, attempts: Sequence[DeliveryAttempt]) -> None:
        """Puts attempts of one ordering key into the queue, in the order in which they are made."""
        self._queue.put(attempts)
        self.unanswered += len(attempts)

    def take(self, count: int) -> list[Answered]:
        """What has been answered since the last time, once it is so many. Raises what a call raised."""
        with self._changed:
            self._wanted = count
            self._changed.wait_for(lambda: self.failure is not None or len(self._answered) >= count)
            if self.failure is not None:
                raise self.failure
            taken, self._answered = self._answered, []
        self.unanswered -= len(taken)
        return taken

    def _work(self) -> None:
        try:
            while (attempts := self._queue.get()) is not None:
                for attempt in attempts:
                    if self.failure is not None:
                        return
                    self._keep(attempt, self._call(attempt))
        except BaseException as error:  # noqa: BLE001 # whoever waits for the answers raises it
            with self._changed:
                self.failure = self.failure or error
                self._changed.notify()

    def _keep(self, attempt: DeliveryAttempt, answer: Answer) -> None:
        with self._changed:
            self._answered.append((attempt, answer))
            if len(self._answered) >= self._wanted:
                self._changed.notify()
