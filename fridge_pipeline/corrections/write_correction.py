"""Write a correction: a second person approves a proposal, and its document is made in Stripe, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from fridge_pipeline.billing.open_stripe import ReadPurpose, count_reads, stripe_of_books
from fridge_pipeline.corrections.billed_elsewhere import Elsewhere, shape
from fridge_pipeline.corrections.correction_record import CorrectionRecord, correction, corrections_known, differences
from fridge_pipeline.corrections.propose import CorrectionRefusedError, as_act, place_of
from fridge_pipeline.corrections.rules.proposal import NotProposedError, discounted, in_words, in_words_now, propose
from fridge_pipeline.database.queries import statement, value_of
from fridge_pipeline.database.run import Failpoint, Run
from fridge_pipeline.invoices.compare_invoices import compare_invoices
from fridge_pipeline.invoices.invoice_record import recent_invoices
from fridge_pipeline.invoices.our_side import invoiced_meters
from fridge_pipeline.invoices.tell_differences import tell_differences
from fridge_pipeline.reason_terms import How
from fridge_pipeline.stripe.correction_reads import has_discount
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.invoice_reads import one_invoice
from fridge_pipeline.stripe.rules.correction import KEY, DocumentKind, StripeDocument
from fridge_pipeline.stripe.writes import create_document, customer_items, documents_there

#: So long after the last try Stripe may still be at work on it; then what it does not show, it does not have.
ANSWER_WITHIN = timedelta(hours=1)

#: What has become of a proposal that is approved no more.
_OVER = {
    "written": "is in Stripe already",
    "lost": "was written, and is in Stripe no more",
    "dropped": "is over without a document",
}


def approve_correction(run: Run, open_gateway: Callable[[], StripeGateway], proposal_id: int) -> CorrectionRecord:
    """Approves a proposal and writes it to Stripe; of one that is approved already, finishes what was begun.

    It must still say what is owed: usage is compared anew, the invoice is read, a credit note previewed. Before it is
    made, Stripe is asked for a document with our mark, so one whose answer was lost is taken up and not made again.
    Raises ``CorrectionRefusedError`` with the numbers, ``NotEntitledError``, ``StripeCallError`` and what
    ``open_gateway`` raises.
    """
    with run.database.connect() as connection, _alone(connection, proposal_id):
        found = _proposal(connection, proposal_id)
        work = _Writing(run, connection, stripe_of_books(connection, open_gateway), found)
        if found.state == "proposed":
            work.require_fit()
            with as_act(run, connection) as acting:
                acting.execute(statement("approve_correction"), {"proposal_id": proposal_id})
            run.at_failpoint(Failpoint.STAGED)
            work.write()
        elif not work.take_up():
            work.require_fit_or_drop()
            work.write()
        return _proposal(connection, proposal_id, is_over=True)


@contextmanager
def _alone(connection: psycopg.Connection, proposal_id: int) -> Iterator[None]:
    """No other process writes the same correction meanwhile."""
    if not value_of(connection, "try_correction_lock", {"proposal_id": proposal_id}):
        raise CorrectionRefusedError(f"correction {proposal_id} is being written by another process: look again")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(statement("end_correction_lock"), {"proposal_id": proposal_id})


def _proposal(connection: psycopg.Connection, proposal_id: int, *, is_over: bool = False) -> CorrectionRecord:
    found = correction(connection, proposal_id)
    if found is None:
        raise CorrectionRefusedError(f"there is no proposal {proposal_id}: fridge correct MONTH shows them")
    if found.state in _OVER and not is_over:
        is_there = found.state == "written"
        why = found.document if is_there else f"{found.answer}. What is owed is proposed anew by fridge correct MONTH"
        raise CorrectionRefusedError(f"correction {proposal_id} {_OVER[found.state]}: {why}")
    return found


@dataclass(frozen=True, slots=True)
class _Writing:
    """One correction under way."""

    run: Run
    connection: psycopg.Connection
    gateway: StripeGateway
    found: CorrectionRecord

    def require_fit(self) -> None:
        """Raises ``CorrectionRefusedError`` unless the proposal says what is owed now, and Stripe would take it."""
        what = self.found.what
        compare_invoices(self.run)
        places = differences(self.connection, what.period_start, what.period_end, what.customer_id)
        now = next(((each, done) for each, done in places if place_of(each) == place_of(what)), None)
        if now is None or not now[1].leaves(now[0].unsettled, now[0].cause, now[0].owed):
            raise self._misfit("nothing is left to correct")
        try:
            proposed = propose(*now)
        except NotProposedError as error:
            raise self._misfit(str(error)) from error
        if proposed != what:
            raise self._misfit(f"now it is {in_words_now(proposed, what)}")
        self._require_invoice_as_read()
        there = documents_there(self.gateway, self.found.wish, self._count_read)
        if what.kind is DocumentKind.INVOICE_ITEM:
            self._require_known_documents(there, there)
            self._require_not_billed_elsewhere(there)
        else:
            items = customer_items(self.gateway, what.customer_id, self._count_read)
            self._require_known_documents(there, items)
            back = self._elsewhere.given_back_by_hand(there, items, self._told_at())
            self._require_none_by_hand(back, How.CREDITED)

    def _misfit(self, why: str) -> CorrectionRefusedError:
        return CorrectionRefusedError(
            f"proposal {self.found.proposal_id} fits no more: it says {in_words(self.found.what)}; {why}. "
            "fridge correct MONTH proposes what is owed now"
        )

    def _require_invoice_as_read(self) -> None:
        what = self.found.what
        if what.invoice_id is None:
            return
        invoice, remaining = one_invoice(self.gateway, what.invoice_id, self._count_read)
        read = recent_invoices(self.connection, [what.customer_id], what.period_start)
        before = next(each for each in read if each.invoice_id == what.invoice_id)
        if (before.is_void, before.lines) != (invoice.is_void, invoice.lines):
            raise self._misfit(
                f"the invoice {what.invoice_id} is {shape(invoice)} in Stripe, and was {shape(before)} when it was "
                "read: read it with fridge invoices --read-stripe"
            )
        if self.found.what.kind is DocumentKind.CREDIT_NOTE:
            why_not = self._elsewhere.uncreditable(self.found.wish, remaining)
            if why_not is not None:
                raise self._misfit(why_not)

    def _require_known_documents(self, there: Sequence[StripeDocument], items: Sequence[StripeDocument]) -> None:
        """One that these books do not know is of others, or from before they were restored, or a copy of a lost one.

        And those that they know must be what was read of them: what is in Stripe now is what was billed.
        """
        edited = self._elsewhere.edited(items)
        if edited:
            raise self._misfit(f"{'; '.join(edited)}: read it with fridge invoices --read-stripe")
        known = {each.key: each.document for each in corrections_known(self.connection, [self.found.what.customer_id])}
        unknown = [
            each.document_id
            for each in there
            if self.found.wish.has_mark(each) and known.get(each.metadata[KEY], "") not in {None, each.document_id}
        ]
        if unknown:
            raise self._misfit(
                f"Stripe has corrections of this period that these books do not know: {', '.join(unknown)}"
            )

    def _require_not_billed_elsewhere(self, items: Sequence[StripeDocument]) -> None:
        waiting = self._elsewhere.waiting_items()
        if waiting:
            raise self._misfit(
                f"{', '.join(waiting)} waits in Stripe for the customer's next invoice with usage of the same time: "
                "correct what is left once that invoice is read"
            )
        live = self._elsewhere.invoices()
        unread = self._elsewhere.unread(live)
        if unread:
            raise self._misfit(
                f"{', '.join(unread)} bills of the same time in Stripe, otherwise than when invoices were read: read "
                "them with fridge invoices --read-stripe"
            )
        what = self.found.what
        if what.invoice_id is None and has_discount(self.gateway, what.customer_id, self._count_read):
            raise self._misfit(discounted(what.amount, what.currency))
        by_hand = self._elsewhere.made_by_hand(live, items, self._told_at())
        self._require_none_by_hand(by_hand, How.INVOICED_BY_HAND)

    def _told_at(self) -> datetime | None:
        """Since when its exception is told."""
        told_at: datetime | None = value_of(self.connection, "told_since", self._place())
        return told_at

    def _require_none_by_hand(self, made: Mapping[str, str], how: How) -> None:
        """Stripe does not say which usage a document of others is about: a person has to look at it."""
        if not made:
            return
        raise CorrectionRefusedError(
            f"correction {self.found.proposal_id} ({in_words(self.found.what)}) may be made by hand already: there is "
            f"{', '.join(made.values())}. If that is of this usage: fridge settle {self._exception() or 'EXCEPTION'} "
            f"--how {how} --document {next(iter(made))}. If not, make the correction by hand too, and settle by that"
        )

    @property
    def _elsewhere(self) -> Elsewhere:
        return Elsewhere(self.connection, self.gateway, self.found.what, self._count_read)

    def _documents(self) -> list[StripeDocument]:
        there = documents_there(self.gateway, self.found.wish, self._count_read)
        return [each for each in there if self.found.wish.has_mark(each)]

    def take_up(self) -> bool:
        """Whether Stripe has the document, from a try whose answer nobody kept: then it is on record now."""
        made = next((each for each in self._documents() if each.metadata[KEY] == self.found.key), None)
        self.run.at_failpoint(Failpoint.READ_BACK)
        if made is not None:
            self._end(made, "found in Stripe by its mark")
        return made is not None

    def require_fit_or_drop(self) -> None:
        """As ``require_fit``; what fits no more, and Stripe has not, is over, once no try can still arrive."""
        try:
            self.require_fit()
        except CorrectionRefusedError as error:
            begun_at = value_of(self.connection, "correction_last_begun", self._parameters())
            if begun_at is not None and self.run.clock() < begun_at + ANSWER_WITHIN:
                raise CorrectionRefusedError(
                    f"{error}. It was sent at {begun_at:%H:%M} UTC, and may still arrive: try again an hour after that"
                ) from error
            self._end(None, str(error))
            raise

    def write(self) -> None:
        """On record before the first byte leaves, and with its answer after; no transaction is open in between."""
        remaining = 0
        if self.found.what.kind is DocumentKind.CREDIT_NOTE and self.found.what.invoice_id is not None:
            _, remaining = one_invoice(self.gateway, self.found.what.invoice_id, self._count_read)
        begun = {**self._parameters(), "now": self.run.clock(), "run_id": self.run.run_id}
        self.connection.execute(statement("begin_correction"), begun)
        self.run.at_failpoint(Failpoint.MARKED_SENT)
        try:
            made = create_document(self.gateway, self.found.wish, remaining)
        except StripeCallError as error:
            if error.is_refused:
                self._end(None, str(error))
            raise
        self.run.at_failpoint(Failpoint.ANSWERED)
        self._end(made, "made")

    def _end(self, made: StripeDocument | None, answer: str) -> None:
        """The document with what it settles and what is left, in one transaction; without one, that there is none."""
        now = self.run.clock()
        with self.connection.transaction():
            self.connection.execute(statement("lock_comparisons"))
            documented = {
                "document": made.document_id if made else None,
                "document_number": made.number if made else None,
            }
            ended = {**self._parameters(), **documented, "answer": answer, "now": now, "run_id": self.run.run_id}
            self.connection.execute(statement("end_correction"), ended)
            if made is not None:
                self._settle(made)
                tell_differences(self.connection, invoiced_meters(self.connection, self.run.catalogue), now)
        self.run.at_failpoint(Failpoint.RECEIPTS_WRITTEN)

    def _settle(self, made: StripeDocument) -> None:
        """Settles the exception of its period by the document."""
        what, exception_id = self.found.what, self._exception()
        if exception_id is None:
            return
        decision = {
            "exception_id": exception_id,
            "event_name": what.event_name,
            "how": (How.INVOICED_BY_HAND if what.is_owed else How.CREDITED).value,
            "quantity": int(what.delta),
            "document": made.document_id,
            "reason": f"correction {self.found.proposal_id}: {self.found.wish.text}",
            **self._parameters(),
        }
        self.connection.execute(statement("settle_by_correction"), decision)

    def _exception(self) -> int | None:
        """The open one of the proposal's period."""
        exception_id: int | None = value_of(self.connection, "exception_of_correction", self._place())
        return exception_id

    def _place(self) -> dict[str, object]:
        what = self.found.what
        return {
            "kind": "not_invoiced" if what.is_owed else "invoiced_too_much",
            "tenant_id": what.tenant_id,
            "customer_id": what.customer_id,
            "event_name": what.event_name,
            "period_start": what.period_start,
        }

    def _parameters(self) -> dict[str, object]:
        return {"proposal_id": self.found.proposal_id}

    def _count_read(self) -> None:
        """On record before it is made."""
        count_reads(self.connection, 1, ReadPurpose.INVOICES, self.run.clock())
