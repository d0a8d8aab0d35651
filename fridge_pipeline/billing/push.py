"""Push: say to Stripe what is staged, and keep its answers (laws L4 to L6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from fridge_pipeline.billing.deliver import StopSign, deliver
from fridge_pipeline.billing.open_stripe import billing_start, stripe_of_books
from fridge_pipeline.billing.rules.staging import refused_at_once
from fridge_pipeline.billing.sendings import (
    Receipt,
    alone_in_lanes,
    mark_sent,
    open_sendings,
    reserve_calls,
    write_receipts,
)
from fridge_pipeline.billing.wait import Refusal, open_refusals
from fridge_pipeline.calendar.hours import HourRange
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.exceptions import close_settled_exceptions
from fridge_pipeline.database.failpoints import Effect, Witness, unwatched
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.rules.answer import Answer, Outcome, status_after
from fridge_pipeline.stripe.rules.meter_event import Lane, Sending, Status

#: Sendings marked as sent at a time, per call in flight, and their receipts written together: enough that all callers
#: seldom wait for the last one, and no more than are sent in a few seconds, which is what a crash leaves in doubt.
SENDINGS_PER_CALL = 16
BATCH_SECONDS_MAX = 5.0

#: A push ends after so long and leaves the rest to the next one, so that no run goes on for ever.
PUSH_TIME_MAX = timedelta(hours=3)


@dataclass(slots=True)
class PushReport:
    """What a push came to.

    ``stopped`` says why it ended early, ``None`` when it went through; ``wrong_meters`` says of event names why
    nothing was sent for them. ``settled`` counts what Stripe has decided for good.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    settled: int = 0
    wrong_meters: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None

    @property
    def accepted(self) -> int:
        """Sendings that Stripe has, by this push or as it turned out by an earlier one."""
        return self.outcomes[Outcome.ACCEPTED] + self.outcomes[Outcome.DUPLICATE]

    def add(self, other: PushReport) -> None:
        """Takes in a further push of the same run."""
        self.outcomes += other.outcomes
        self.settled += other.settled
        self.wrong_meters |= other.wrong_meters
        self.stopped = other.stopped


def push_hours(
    database: Database,
    open_gateway: Callable[[], StripeGateway],
    hours: HourRange,
    catalogue: tuple[Meter, ...],
    clock: Callable[[], datetime],
    max_in_flight: int,
    run_id: str,
    witness: Witness = unwatched,
) -> PushReport:
    """Sends everything of a range of hours that is staged, or was sent less than 20 hours ago and not decided.

    The gateway is opened when there is something to send. No transaction is open while Stripe is called. Stops
    early when Stripe does not answer or refuses the key: what is left stays staged, or sent with the same
    identifier waiting for the next push.
    """
    with database.connect() as connection:
        begun = clock()
        start = billing_start(connection)
        sendable = [
            each
            for each in open_sendings(connection, hours)
            if each.may_be_sent(begun) and start.bills(each.event.hour)
        ]
        if not sendable:
            return PushReport()
        # Before anything is marked: a refused key must not start the 20 hours.
        gateway = stripe_of_books(connection, open_gateway)
    try:
        wrong = wrong_meters(gateway, catalogue)
    except StripeCallError as error:
        return PushReport(stopped=str(error))
    deadline = clock() + PUSH_TIME_MAX
    stop_sign = StopSign(gateway.place, lambda: clock() > deadline)
    report = PushReport(wrong_meters=wrong)
    push = _Push(database, gateway, catalogue, clock, max_in_flight, run_id, witness, stop_sign)
    for part in push.send([each for each in sendable if each.event.event_name not in wrong]):
        report.add(part)
    stop_sign.end(report.outcomes)
    report.stopped = stop_sign.reason
    return report


def wrong_meters(gateway: StripeGateway, catalogue: tuple[Meter, ...]) -> dict[str, str]:
    """Event name → why Stripe's meter is not the catalogue's; what it would add up is not what we mean.

    Raises ``StripeCallError``.
    """
    present = gateway.meters()
    wrong = {}
    for meter in catalogue:
        found = present.get(meter.event_name)
        if found is None:
            wrong[meter.event_name] = "not in Stripe; run: fridge stripe setup"
        elif found.disagreements(meter):
            wrong[meter.event_name] = "; ".join(found.disagreements(meter))
    return wrong


@dataclass(frozen=True, slots=True)
class _Push:
    """One push under way: what its shares have in common."""

    database: Database
    gateway: StripeGateway
    catalogue: tuple[Meter, ...]
    clock: Callable[[], datetime]
    max_in_flight: int
    run_id: str
    witness: Witness
    stop_sign: StopSign

    def send(self, sendings: Sequence[Sending]) -> list[PushReport]:
        """One report for each share. What ends one, an error or an interruption, ends the other after its calls."""
        shares = self._shares(sendings)
        callers = max(1, self.max_in_flight // len(shares))
        with ThreadPoolExecutor(len(shares)) as pool:
            try:
                return list(pool.map(lambda share: self._send_share(share, callers), shares))
            except BaseException:
                self.stop_sign.give_up("the push was interrupted")
                raise

    def _shares(self, sendings: Sequence[Sending]) -> list[list[Sending]]:
        """By whole lanes: one share, or two when there is more than one batch, so that one calls while one writes."""
        if self.max_in_flight == 1 or len(sendings) <= self.max_in_flight * SENDINGS_PER_CALL:
            return [list(sendings)]
        shares: list[list[Sending]] = [[], []]
        share_of: dict[Lane, int] = {}
        for sending in sendings:
            shares[share_of.setdefault(sending.lane, len(share_of) % 2)].append(sending)
        return shares

    def _send_share(self, sendings: Sequence[Sending], callers: int) -> PushReport:
        try:
            with self.database.connect() as connection:
                return _Share(self, connection, callers).send(sendings)
        except BaseException as error:
            self.stop_sign.give_up(f"the push failed: {error!r}")
            raise


@dataclass(slots=True)
class _Share:
    """A part of a push with a connection of its own, which holds its lanes."""

    push: _Push
    connection: psycopg.Connection
    max_in_flight: int
    report: PushReport = field(default_factory=PushReport)

    def send(self, sendings: Sequence[Sending]) -> PushReport:
        """First what nobody else is at, then what another pusher was in the middle of."""
        left_over = list(sendings)
        for wait in (False, True):
            batches, left_over = _batches(left_over, self._batch_size()), []
            for batch in batches:
                if not self.push.stop_sign.is_raised():
                    left_over += self._send_batch(batch, wait=wait)
        return self.report

    def _batch_size(self) -> int:
        sent_in_time = int(self.push.gateway.calls_per_second * BATCH_SECONDS_MAX)
        return max(1, min(self.max_in_flight * SENDINGS_PER_CALL, sent_in_time))

    def _send_batch(self, batch: Sequence[Sending], *, wait: bool) -> list[Sending]:
        """Sends what lies in lanes of our own and returns the rest."""
        push = self.push
        with alone_in_lanes(self.connection, [sending.lane for sending in batch], wait=wait) as ours:
            mine = [sending for sending in batch if sending.lane in ours]
            push.gateway.hold_back(reserve_calls(self.connection, len(mine), push.gateway.calls_per_second))
            marked = mark_sent(self.connection, mine, push.clock(), push.run_id)
            push.witness(Effect.MARKED_SENT)
            in_order = [sending for sending in mine if sending in marked]
            answered = deliver(push.gateway, in_order, self.max_in_flight, push.stop_sign, push.witness)
            self._keep(marked, answered)
        return [sending for sending in batch if sending.lane not in ours]

    def _keep(self, was_undecided: dict[Sending, bool], answers: dict[Sending, Answer]) -> None:
        """Commits answers and what follows from them together: a crash leaves both or neither."""
        now = self.push.clock()
        receipts = [
            Receipt(sending, answer, status_after(answer, was_undecided=was_undecided[sending]))
            for sending, answer in answers.items()
        ]
        accepted = [each.sending.event.identifier for each in receipts if each.status is Status.ACCEPTED]
        with self.connection.transaction():
            write_receipts(self.connection, receipts, now, self.push.run_id)
            close_settled_exceptions(self.connection, accepted, now)
            open_refusals(self.connection, [each for each in map(_refusal, receipts) if each], self.push.catalogue, now)
        self.push.witness(Effect.RECEIPTS_WRITTEN)
        self.report.outcomes.update(answer.outcome for answer in answers.values())
        self.report.settled += sum(each.status in {Status.ACCEPTED, Status.REFUSED} for each in receipts)


def _refusal(receipt: Receipt) -> Refusal | None:
    """What Stripe said no to, of a statement; a cancellation that it refuses stands in the exceptions as a credit."""
    answer = receipt.answer
    if answer.outcome is not Outcome.REFUSED or receipt.sending.is_cancellation:
        return None
    said = refused_at_once(answer.text, answer.request_id)
    return Refusal(receipt.sending.event, said, is_settled=receipt.status is Status.REFUSED)


def _batches(sendings: Sequence[Sending], size: int) -> Iterator[Sequence[Sending]]:
    for start in range(0, len(sendings), size):
        yield sendings[start : start + size]
