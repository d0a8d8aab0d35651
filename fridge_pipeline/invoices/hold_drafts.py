"""Hold drafts: claimed as they appear, let go once their hours are delivered, left alone where others have a say."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import psycopg

from fridge_pipeline.billing.open_stripe import (
    NEVER_STATED,
    ReadPurpose,
    books_are_claimed,
    count_reads,
    reads_since,
    stripe_of_books,
)
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.run import Failpoint, Run
from fridge_pipeline.invoices.hold_record import add_answer, add_intent, add_left, holding, intents_of
from fridge_pipeline.invoices.invoice_record import Reading
from fridge_pipeline.invoices.plan_holds import MeteredDraft, differing_sum, metered_drafts
from fridge_pipeline.invoices.read_invoices import READS_USED_UP, SHARE, ReadsUsedUpError
from fridge_pipeline.invoices.rules.hold_draft import (
    Ending,
    HoldAct,
    Holding,
    HoldPlan,
    Intent,
    open_intent,
    own_intent,
    plan_hold,
)
from fridge_pipeline.stripe.gateway import MeterMissingError, StripeCallError, StripeGateway
from fridge_pipeline.stripe.invoice_reads import drafts, one_draft
from fridge_pipeline.stripe.rules.invoice import Draft
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH
from fridge_pipeline.stripe.writes import schedule_draft


@dataclass(slots=True)
class HoldReport:
    """What is planned for each draft, by its id, and what was done about it.

    ``not_done`` says why something was neither read nor written, ``None`` when all was; ``is_refused``: it was the key,
    which may not. Billing goes on in any case.
    """

    plans: dict[str, HoldPlan] = field(default_factory=dict)
    written: Counter[HoldAct] = field(default_factory=Counter)
    not_done: str | None = None
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """What is asked for: for how long drafts are held at most, and whether anything is written to Stripe.

    ``unloaded`` are the hours with landing files that are not loaded; ``reads_max`` is what 30 days allow.
    """

    longest: timedelta
    writes: bool
    unloaded: Collection[Hour] = ()
    reads_max: int = READS_MAX


def hold_drafts(run: Run, open_gateway: Callable[[], StripeGateway], order: HoldOrder) -> HoldReport:
    """Plans for every draft of our meters that the books know, and does it where ``order`` says that it is written.

    A read per hundred drafts of the account; if it is to be written, one for each meter and period of a draft that the
    ledger has in full, and before each write the draft once more. A draft is never held without a time at which Stripe
    makes it final by itself. Raises ``WrongBooksError`` and what ``open_gateway`` raises; what Stripe refuses or does
    not answer stands in the report.
    """
    with run.database.connect() as connection:
        report = HoldReport()
        if not books_are_claimed(connection):
            report.not_done = NEVER_STATED
            return report
        found = metered_drafts(connection, run.catalogue, order.unloaded, run.clock())
        if not found:
            return report
        left = (order.reads_max - reads_since(connection, run.clock() - READS_MONTH)) // SHARE
        try:
            gateway = stripe_of_books(connection, open_gateway)
            work = _Holding(run, connection, gateway, order, holding(connection, order.longest), report, left)
            work.hold(found)
        except ReadsUsedUpError as error:
            report.not_done = str(error)
        except StripeCallError as error:
            report.not_done = str(error)
            report.is_refused = error.is_key_refused
    return report


def days_to_hold(
    run: Run, shown: Mapping[str, Draft], longest: timedelta, unloaded: Collection[Hour] = ()
) -> tuple[set[date], str]:
    """The days of creation of drafts about which something is to be done, and a text that says what, and in which hour.

    ``shown`` are the drafts as Stripe lists them now. Goes by the ledger alone: whether Stripe's sums agree is for the
    run to read.
    """
    with run.database.connect() as connection:
        now = run.clock()
        found = [each for each in metered_drafts(connection, run.catalogue, unloaded, now) if each.invoice_id in shown]
        how = holding(connection, longest)
        intents, _ = intents_of(connection, [each.invoice_id for each in found])
    due = []
    for each in found:
        plan = _plan(each, shown[each.invoice_id], intents.get(each.invoice_id, ()), how, now)
        if plan.act in {HoldAct.HOLD, HoldAct.RELEASE}:
            due.append((each, plan.act))
    told = "\n".join(sorted(f"{act}:{each.invoice_id}" for each, act in due))
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return {each.created_at.astimezone(UTC).date() for each, _ in due}, f"{digest}:{now:%Y-%m-%dT%H}"


def _plan(draft: MeteredDraft, shown: Draft, intents: Sequence[Intent], how: Holding, now: datetime) -> HoldPlan:
    return plan_hold(shown, Ending(draft.end, draft.by_itself), draft.waits_for, intents, how, now)


@dataclass(slots=True)
class _Holding:
    """One pass over the drafts."""

    run: Run
    connection: psycopg.Connection
    gateway: StripeGateway
    order: HoldOrder
    how: Holding
    report: HoldReport
    reads_left: int

    def hold(self, found: Iterable[MeteredDraft]) -> None:
        shown = drafts(self.gateway, self._count_read)
        present = [each for each in found if each.invoice_id in shown]
        intents, left = intents_of(self.connection, [each.invoice_id for each in present])
        for each in present:
            try:
                self._see_to(each, shown[each.invoice_id], intents.get(each.invoice_id, []), left)
            except (StripeCallError, MeterMissingError) as error:
                if isinstance(error, StripeCallError) and (error.is_key_refused or not error.reached):
                    raise
                self.report.not_done = str(error)  # of this draft; the next may be claimed all the same

    def _see_to(self, draft: MeteredDraft, shown: Draft, intents: Sequence[Intent], left: Collection[str]) -> None:
        judged = self._judged(draft, shown, intents)
        plan = _plan(judged, shown, intents, self.how, self.run.clock())
        self.report.plans[draft.invoice_id] = plan
        if not self.order.writes:
            return
        self._settle(draft, shown, intents)
        if plan.act is HoldAct.LEAVE and draft.invoice_id not in left:
            add_left(self.connection, draft.invoice_id, plan.why, self._reading())
        elif plan.act in {HoldAct.HOLD, HoldAct.RELEASE}:
            self._carry_out(judged, intents)

    def _judged(self, draft: MeteredDraft, shown: Draft, intents: Sequence[Intent]) -> MeteredDraft:
        """Where the ledger has everything and that decides something, Stripe's sums have to say so too.

        A plan that is only shown is not worth the reads.
        """
        now = self.run.clock()
        if draft.waits_for is not None or not self.order.writes:
            return draft
        waiting = replace(draft, waits_for="sums")
        if _plan(draft, shown, intents, self.how, now).act is _plan(waiting, shown, intents, self.how, now).act:
            return draft
        differs = differing_sum(self.connection, self.gateway, draft, self.run.catalogue, self._count_read)
        return replace(draft, waits_for=differs)

    def _carry_out(self, draft: MeteredDraft, intents: Sequence[Intent]) -> None:
        """Reads the draft once more, commits the intent, asks Stripe, commits what it answered."""
        invoice_id = draft.invoice_id
        shown = one_draft(self.gateway, invoice_id, self._count_read)
        plan = _plan(draft, shown, intents, self.how, self.run.clock())
        if plan.act is not self.report.plans[invoice_id].act:
            self.report.plans[invoice_id] = plan
            return
        intent = open_intent(intents, plan.act, self.run.clock()) or self._intend(invoice_id, plan, intents)
        if intent is None:
            return
        self.run.at_failpoint(Failpoint.HOLD_INTENDED)
        try:
            schedule_draft(self.gateway, invoice_id, intent.finalizes_at, intent.mark, _key(invoice_id, intent))
        except StripeCallError as error:
            add_answer(self.connection, invoice_id, intent, "failed", str(error), self._reading())
            raise
        self.run.at_failpoint(Failpoint.HOLD_ANSWERED)
        add_answer(self.connection, invoice_id, intent, "done", plan.why, self._reading())
        self.run.at_failpoint(Failpoint.HOLD_WRITTEN)
        self.report.written[plan.act] += 1

    def _intend(self, invoice_id: str, plan: HoldPlan, intents: Sequence[Intent]) -> Intent | None:
        attempt = sum(each.act is plan.act for each in intents) + 1
        return add_intent(self.connection, invoice_id, plan, attempt, self.how, self._reading())

    def _settle(self, draft: MeteredDraft, shown: Draft, intents: Sequence[Intent]) -> None:
        """What a run that died has done is found by its mark."""
        own = own_intent(shown, intents, self.how)
        if own is not None and not own.is_done:
            add_answer(self.connection, draft.invoice_id, own, "found", "Stripe shows its mark", self._reading())

    def _reading(self) -> Reading:
        return Reading(self.run.clock(), self.run.run_id)

    def _count_read(self) -> None:
        if self.reads_left <= 0:
            raise ReadsUsedUpError(READS_USED_UP)
        count_reads(self.connection, 1, ReadPurpose.INVOICES, self.run.clock())
        self.reads_left -= 1


def _key(invoice_id: str, intent: Intent) -> str:
    """One for the first try of all installations to hold a draft: of two at once Stripe refuses the second."""
    if intent.act is HoldAct.HOLD:
        return f"fridge-hold:{invoice_id}:{intent.attempt}:{intent.failures}"
    return f"fridge-release:{invoice_id}:{intent.mark}:{intent.failures}"
