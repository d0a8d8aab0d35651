"""Deliver: say to Stripe what is staged, and keep its answers (laws L4 to L6).

One queue holds what is to be said of each ordering key, workers take from it and call Stripe, and whoever fills it
writes the receipts: over one connection, a batch at a time, while the workers are at the next one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from fridge_pipeline.billing.circuit_breaker import CircuitBreaker
from fridge_pipeline.billing.delivery_record import (
    Receipt,
    mark_sent,
    release_ordering_keys,
    reserve_calls,
    take_ordering_keys,
    undecided_attempts,
    write_receipts,
)
from fridge_pipeline.billing.meters_at_stripe import counted_in_another, is_to_be_read, wrong_meters
from fridge_pipeline.billing.open_stripe import billing_start, stripe_of_books
from fridge_pipeline.billing.rules.refusal_texts import refused_at_once
from fridge_pipeline.billing.wait import Refusal, open_refusals
from fridge_pipeline.billing.workers import Answered, Workers
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.database.exceptions import close_settled_exceptions
from fridge_pipeline.database.queries import meters_of, statement
from fridge_pipeline.database.run import AtFailpoint, Failpoint, Run
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.reads import account_id, host_of
from fridge_pipeline.stripe.rules.answer import Answer, Outcome, status_after
from fridge_pipeline.stripe.rules.meter_event import DeliveryAttempt, OrderingKey, Status

#: Attempts in a batch, for each worker. Two batches are under way at most: enough that the workers seldom wait for
#: receipts, and no more than are made in a few seconds, which is what a crash leaves unconfirmed.
ATTEMPTS_PER_WORKER = 8
BATCH_SECONDS_MAX = 2.5

#: A delivery ends after so long and leaves the rest to the next one, so that no run goes on for ever.
DELIVERY_TIME_MAX = timedelta(hours=3)


@dataclass(slots=True)
class DeliveryReport:
    """What a delivery came to.

    ``stopped`` says why it ended early, ``None`` when it went through; ``wrong_meters`` says of event names why
    nothing was sent for them. ``settled`` counts what Stripe has decided for good. ``left`` is to be read back, because
    it may have gone to a meter that has another in its place now, or that the catalogue has no more.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    settled: int = 0
    wrong_meters: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None
    left: frozenset[DeliveryAttempt] = frozenset()

    @property
    def accepted(self) -> int:
        """Attempts after which Stripe has it, by this delivery or as it turned out by an earlier one."""
        return self.outcomes[Outcome.ACCEPTED] + self.outcomes[Outcome.DUPLICATE]

    def add(self, other: DeliveryReport) -> None:
        """Takes in a further delivery of the same run."""
        self.outcomes += other.outcomes
        self.settled += other.settled
        self.wrong_meters |= other.wrong_meters
        self.stopped = other.stopped


def deliver_hours(
    run: Run,
    open_gateway: Callable[[], StripeGateway],
    hours: HourRange,
    max_in_flight: int,
    tenants: Container[str] | None = None,
) -> DeliveryReport:
    """Sends everything of a range of hours that is staged, or was sent less than 20 hours ago and not decided.

    Of some ``tenants`` only, where they are given: what others are owed stays as it is.

    The gateway is opened when there is something to send. No transaction is open while Stripe is called. Stops
    early when Stripe does not answer or refuses the key: what is left stays staged, or sent with the same
    identifier waiting for the next delivery.
    """
    with run.database.connect() as connection:
        now, start = run.clock(), billing_start(connection)
        undecided = undecided_attempts(connection, hours)
        attempts = [
            each
            for each in undecided
            if each.may_be_made(now)
            and start.bills(each.event.hour)
            and (tenants is None or each.event.tenant_id in tenants)
        ]
        if not attempts:
            return DeliveryReport()
        # Before anything is marked: a refused key must not start the 20 hours.
        gateway = stripe_of_books(connection, open_gateway)
        try:
            wrong = wrong_meters(gateway, run.catalogue)
        except StripeCallError as error:
            return DeliveryReport(stopped=str(error))
        read = gateway.meters_read
        known = {meter.event_name for meter in run.catalogue}
        left = frozenset(each for each in attempts if is_to_be_read(each, known, read.get(each.event.event_name)))
        record_stripe_use(connection, gateway, run.clock())
        formulas = [meter.formula.value for meter in run.catalogue]
        connection.execute(statement("keep_sent_meters"), {**meters_of(run.catalogue), "formulas": formulas})
        deadline = run.clock() + DELIVERY_TIME_MAX
        breaker = CircuitBreaker(gateway.location, lambda: run.clock() > deadline)
        not_to_send = counted_in_another(connection, attempts, read)
        delivery = _Delivery(run, connection, gateway, breaker, max_in_flight, not_to_send)
        report = delivery.deliver(
            [each for each in attempts if each.event.event_name not in wrong and each not in left]
        )
    breaker.conclude(report.outcomes)
    report.wrong_meters, report.stopped, report.left = wrong, breaker.reason, left
    return report


@dataclass(slots=True)
class _Delivery:
    """One delivery under way.

    ``not_to_send``: identifier → why. ``left`` is what is still to be sent of each ordering key, the oldest hour
    first. A key is ``ready`` when all that was given to the workers is answered, its receipts are written, and more is
    left. Another run had those ``elsewhere``.
    """

    run: Run
    connection: psycopg.Connection
    gateway: StripeGateway
    breaker: CircuitBreaker
    max_in_flight: int
    not_to_send: Mapping[str, Answer]
    left: dict[OrderingKey, deque[DeliveryAttempt]] = field(default_factory=dict)
    ready: deque[OrderingKey] = field(default_factory=deque)
    elsewhere: deque[OrderingKey] = field(default_factory=deque)
    unanswered: Counter[OrderingKey] = field(default_factory=Counter)
    was_undecided: dict[DeliveryAttempt, bool] = field(default_factory=dict)
    report: DeliveryReport = field(default_factory=DeliveryReport)

    def deliver(self, attempts: Iterable[DeliveryAttempt]) -> DeliveryReport:
        """First what nobody else is at, then what another run was in the middle of."""
        for attempt in attempts:
            self.left.setdefault(attempt.ordering_key, deque()).append(attempt)
        self.ready.extend(self.left)
        with Workers(self._make, max(1, min(self.max_in_flight, len(self.left)))) as workers:
            try:
                self._empty_the_queue(workers, wait=False)
                self.ready.extend(self.elsewhere)
                self._empty_the_queue(workers, wait=True)
            except BaseException as error:
                self.breaker.open(f"the push ended: {error!r}")
                if not isinstance(error, Exception) and workers.failure is None:
                    # Interrupted by a person: what was under way is answered in a moment, and its answers are kept.
                    self._keep(workers.take(workers.unanswered))
                raise
        return self.report

    def _make(self, attempt: DeliveryAttempt) -> Answer:
        refused = None if attempt.is_cancellation else self.not_to_send.get(attempt.event.identifier)
        if refused is not None:
            return refused
        return make_attempt(attempt, self.gateway, self.breaker, self.run.at_failpoint)

    def _empty_the_queue(self, workers: Workers, *, wait: bool) -> None:
        """Two batches are under way, so that one is being sent while the receipts of the other are written.

        Whoever waits for another run's keys has none of its own: each could wait for the other.
        """
        under_way_max = 0 if wait else self._batch_size
        while True:
            while self.ready and workers.unanswered <= under_way_max and not self.breaker.is_open():
                self._send(self._next_batch(), workers, wait=wait)
            if not workers.unanswered:
                return
            self._keep(workers.take(min(self._batch_size, workers.unanswered)))

    @property
    def _batch_size(self) -> int:
        made_in_time = int(self.gateway.calls_per_second * BATCH_SECONDS_MAX)
        return max(1, min(self.max_in_flight * ATTEMPTS_PER_WORKER, made_in_time))

    def _next_batch(self) -> dict[OrderingKey, list[DeliveryAttempt]]:
        """Of each ready key an equal share."""
        batch: dict[OrderingKey, list[DeliveryAttempt]] = {}
        room = self._batch_size
        share = -(-room // len(self.ready))
        while self.ready and room:
            left = self.left[key := self.ready.popleft()]
            batch[key] = [left.popleft() for _ in range(min(share, room, len(left)))]
            room -= len(batch[key])
        return batch

    def _send(self, batch: Mapping[OrderingKey, Sequence[DeliveryAttempt]], workers: Workers, *, wait: bool) -> None:
        """Gives the workers what is committed as sent, of those keys that no other run has."""
        taken = take_ordering_keys(self.connection, batch, wait=wait)
        ours = [key for key in batch if key in taken]
        for key in (key for key in batch if key not in taken):
            self.left[key].extendleft(reversed(batch[key]))
            self.elsewhere.append(key)
        if not ours:
            return
        attempts = [each for key in ours for each in batch[key]]
        self.gateway.hold_back(reserve_calls(self.connection, len(attempts), self.gateway.calls_per_second))
        marked = mark_sent(self.connection, attempts, self.run.clock(), self.run.run_id)
        self.run.at_failpoint(Failpoint.MARKED_SENT)
        self.was_undecided |= marked
        for key in ours:
            if theirs := [each for each in batch[key] if each in marked]:
                self.unanswered[key] = len(theirs)
                workers.give(theirs)
        self._let_go(ours)

    def _keep(self, answered: Sequence[Answered]) -> None:
        """Commits answers and what follows from them together: a crash leaves both or neither."""
        now = self.run.clock()
        receipts = [
            Receipt(attempt, answer, status_after(answer, was_undecided=self.was_undecided.pop(attempt)))
            for attempt, answer in answered
        ]
        accepted = [each.attempt.event.identifier for each in receipts if each.status is Status.ACCEPTED]
        refusals = [refusal for refusal in map(_refusal, receipts) if refusal is not None]
        with self.connection.transaction():
            write_receipts(self.connection, receipts, now, self.run.run_id)
            close_settled_exceptions(self.connection, accepted, now)
            open_refusals(self.connection, refusals, self.run.catalogue, now)
        self.run.at_failpoint(Failpoint.RECEIPTS_WRITTEN)
        self.report.outcomes.update(answer.outcome for _, answer in answered)
        self.report.settled += sum(each.status in {Status.ACCEPTED, Status.REFUSED} for each in receipts)
        self.unanswered.subtract(attempt.ordering_key for attempt, _ in answered)
        self._let_go(dict.fromkeys(attempt.ordering_key for attempt, _ in answered))

    def _let_go(self, keys: Iterable[OrderingKey]) -> None:
        """Of these keys, those of which nothing is under way: other runs may have them, and what is left is ready."""
        free = [key for key in keys if not self.unanswered[key]]
        release_ordering_keys(self.connection, free)
        self.ready.extend(key for key in free if self.left[key])


def make_attempt(
    attempt: DeliveryAttempt, gateway: StripeGateway, breaker: CircuitBreaker, at_failpoint: AtFailpoint
) -> Answer:
    """One call to Stripe, with its further tries; none once the circuit breaker is open."""
    if breaker.is_open():
        return Answer(Outcome.NOT_SENT, breaker.reason or "")
    call = gateway.cancel_usage if attempt.is_cancellation else gateway.state_usage
    answer = call(attempt.event, breaker.is_open)
    at_failpoint(Failpoint.ANSWERED)
    breaker.record(answer)
    return answer


def _refusal(receipt: Receipt) -> Refusal | None:
    """What Stripe said no to, of a meter event; a cancellation that it refuses is among the exceptions as a credit."""
    answer = receipt.answer
    if answer.outcome is not Outcome.REFUSED or receipt.attempt.is_cancellation:
        return None
    said = refused_at_once(answer.text, answer.request_id)
    return Refusal(receipt.attempt.event, said, is_settled=receipt.status is Status.REFUSED)


def record_stripe_use(connection: psycopg.Connection, gateway: StripeGateway, now: datetime) -> None:
    """A row when mode, host or account is another than before; an account that Stripe does not say changes nothing."""
    row = {"mode": gateway.mode.value, "host": host_of(gateway), "account_id": account_id(gateway), "now": now}
    connection.execute(statement("record_stripe_use"), row)
