"""Kinds of exceptions and causes of differences: what each means and what to do about it, once.

``fridge migrate`` writes both to the database, whose tables take no others; SQL models, report, command line and
alerts read them from here or from there, and docs/runbook.md has a section on each.
"""

from __future__ import annotations

from typing import Final

from fridge_pipeline.difference_causes import SIGNED_CAUSES
from fridge_pipeline.landing_kinds import LANDING_KINDS
from fridge_pipeline.reason_terms import (
    EITHER,
    OF_FILES,
    OWED,
    DifferenceCause,
    ExceptionKind,
    How,
    Outcome,
    Step,
    Subject,
    known,
    of_invoices,
    waiting,
    wrong,
)

#: In the order in which the tie-out asks them.
EXCEPTION_KINDS: Final[dict[str, ExceptionKind]] = {
    **LANDING_KINDS,
    "contradiction": ExceptionKind(
        "usage that is not what its files brought, not billed",
        "restore what was changed directly in the database, then bill the hour again: fridge bill",
        Subject.USAGE,
        cause="contradiction",
    ),
    "passed_over": ExceptionKind(
        "usage that was to be billed, of hours before a billing start that was moved past them",
        "if another system bills it, or nobody does: fridge settle; if we are to: docs/shadow-mode.md, the switch",
        Subject.FOLDER,  # of whole hours: nobody knows by whom how much of it was billed
        ends=OF_FILES,
    ),
    "month_closed": waiting(
        "usage that changed after its month was closed",
        "fridge reopen the month, or invoice or credit the difference and fridge settle",
        "month_closed",
    ),
    "held_for_review": waiting(
        "usage far above the tenant's own history, not billed",
        "fridge explain TENANT HOUR, then fridge release or fridge withdraw",
        "held_for_review",
        (),
    ),
    "too_late": waiting(
        "usage older than the 35 days that Stripe takes",
        "invoice or credit it by hand, or write it off; then fridge settle",
        "too_late",
    ),
    "unmapped": waiting(
        "usage of tenants without a Stripe customer", "import their customers: fridge tenants import", "unmapped", OWED
    ),
    "customer_taken": waiting(
        "usage of tenants whose customer is billed another tenant's usage of the same hour",
        "give the tenant a customer of its own: fridge tenants import; or invoice it by hand and fridge settle",
        "customer_taken",
    ),
    "refused": waiting(
        "usage that Stripe refused; the detail has its reason",
        "remove the cause (fridge stripe check; fridge tenants import), then fridge settle --how state_again",
        "refused",
        (*EITHER, How.STATE_AGAIN),
        of=Subject.STATEMENT,
    ),
    "customer_gone": waiting(
        "usage that changed after its customer was deleted from Stripe or merged into another",
        "invoice or credit the difference by hand, the detail has it; then fridge settle",
        "customer_gone",
        (*EITHER, How.STATE_AGAIN),
    ),
    "credit_due": waiting(
        "usage that Stripe has too much of and cannot cancel",
        "give the customer a credit, then fridge settle --how credited",
        "credit_due",
        (How.CREDITED,),
        withholds=False,
    ),
    "unexplained": waiting(
        "usage of which nobody knows whether Stripe counts it",
        "wait six hours, in which most settle themselves; then fridge explain TENANT HOUR --read-stripe",
        "in_doubt",
        (How.COUNTED, How.NOT_COUNTED, How.CREDITED),
        of=Subject.STATEMENT,
    ),
    "not_stated_by_us": ExceptionKind(
        "usage in Stripe that we never stated",
        "have whoever states it stopped, and give a credit; then fridge settle --how credited",
        Subject.METER,
        ends=(How.CREDITED,),
    ),
    "not_invoiced": of_invoices("usage that Stripe accepted and no invoice carries", OWED),
    "invoiced_too_much": of_invoices("invoices with more than was used", (How.CREDITED,)),
}

#: What a comparison of invoices opens: usage that was billed all the same.
INVOICE_KINDS: Final = tuple(kind for kind, each in EXCEPTION_KINDS.items() if each.subject is Subject.PERIOD)


#: In the order in which they are looked for: of several causes of a difference the first one is named.
DIFFERENCE_CAUSES: Final[dict[str, DifferenceCause]] = {
    "readings_missing": wrong(
        Step.FILES,
        "readings missing: fewer are stored than the files brought",
        "Fewer readings are stored now than the landing files brought: some were removed directly in the database.",
    ),
    "readings_added": wrong(
        Step.FILES,
        "readings added: more are stored than the files brought",
        "More readings are stored now than the landing files brought: some were added directly in the database.",
    ),
    "not_counted_yet": known(
        Step.USAGE,
        "not counted yet: a file was loaded or withdrawn after the hour was counted",
        "A landing file was loaded or withdrawn after the hour was counted.",
    ),
    "sensors_changed": wrong(
        Step.USAGE,
        "sensors changed: readings were changed directly in the database",
        "The tenant's readings of the hour were changed directly in the database, and with them its sensors.",
    ),
    "usage_changed": wrong(
        Step.USAGE,
        "usage changed: the usage table was edited",
        "The usage table says something else than the landing files and the stored readings: it was edited.",
    ),
    "unexplained": wrong(None, "unexplained: a person must look", "Stripe shows what it should not: an exception."),
    "not_billed": known(
        Step.LEDGER,
        "not billed by us: before the hour from which usage is stated",
        "Before the first hour that is billed (FRIDGE_BILL_FROM), or too old or of a closed month already when its "
        "meter was added, or billed by another meter since: counted and never stated; what Stripe shows of it beyond "
        "what was stated was stated by somebody else.",
        Outcome.ELSEWHERE,
    ),
    "contradiction": wrong(
        Step.LEDGER,
        "contradiction: usage is not what its files brought",
        "Usage is not what its files brought, so it is not stated until somebody has restored what was changed.",
    ),
    "month_closed": known(
        Step.LEDGER,
        "month closed: the change waits for a reopening",
        "It changed after its month was closed; the change waits until the month is reopened.",
    ),
    "held_for_review": known(
        Step.LEDGER,
        "held for review: far outside the tenant's own history",
        "Far outside the tenant's own history; a person has to release it.",
    ),
    "too_late": known(
        Step.LEDGER, "too late: Stripe takes 35 days", "Older than the 35 days that Stripe takes.", Outcome.LOST
    ),
    "unmapped": known(
        Step.LEDGER,
        "unmapped: the tenant has no Stripe customer",
        "The tenant has no Stripe customer; stated as soon as it has one.",
    ),
    "customer_taken": known(
        Step.LEDGER,
        "customer taken: it is billed another tenant's usage of the hour",
        "The tenant's customer is billed another tenant's usage of the same hour, and Stripe keeps one figure of both.",
    ),
    "refused": known(
        Step.LEDGER, "refused by Stripe", "Stripe refused it, see the exception; sent again once the cause is gone."
    ),
    "customer_gone": known(
        Step.LEDGER,
        "customer gone: deleted from Stripe or merged, it takes no change",
        "The customer that has the hour is gone from Stripe and takes no change; the difference is billed by hand.",
        Outcome.LOST,
    ),
    "credit_due": known(
        Step.LEDGER,
        "credit due: Stripe has too much, finance gives a credit",
        "Stripe has too much and it can no longer be cancelled; the customer gets a credit.",
    ),
    "in_doubt": wrong(
        Step.LEDGER,
        "unconfirmed: nobody knows whether Stripe counted it",
        "Nobody knows whether Stripe counted a statement; see the exception unexplained.",
        expires=False,
    ),
    "lagging": known(
        Step.STRIPE,
        "lagging: accepted lately, Stripe's summaries follow",
        "Accepted less than 6 hours ago; Stripe's summaries lag behind, and it is read again.",
        expires=False,
        is_delivered_next=True,
    ),
    "in_flight": known(
        Step.LEDGER,
        "in flight: the statement is under way",
        "A statement or cancellation is undecided or still to be made; the next billing goes on with it.",
        expires=False,
        is_delivered_next=True,
    ),
    "receipt_missing": wrong(
        Step.LEDGER,
        "receipt missing: sent, and no answer is on record",
        "The statement was sent over an hour ago and no answer is on record; the next run settles it.",
        expires=False,
        is_delivered_next=True,
    ),
    "written_off": known(
        Step.LEDGER,
        "written off: somebody decided that nobody is billed for it",
        "A person has decided that nobody is billed for it (fridge settle); who and why is in settlements.",
        Outcome.LOST,
    ),
    "invoiced_by_hand": known(
        Step.LEDGER,
        "invoiced by hand: not as usage, but by a document that is named",
        "Billed outside of usage, by a document that a person has named (fridge settle); see settlements.",
        Outcome.BILLED,
    ),
    "credited": known(
        Step.LEDGER,
        "credited: Stripe has too much, and a document gives it back",
        "Stripe has too much of it, and a document that a person has named gives it back (fridge settle).",
        Outcome.BILLED,
    ),
    "not_due_yet": known(
        Step.LEDGER,
        "not due yet: the hour closed too lately to be billed",
        "The hour has not been closed for long enough to be billed.",
        is_delivered_next=True,
    ),
    "not_stated": wrong(
        Step.LEDGER,
        "not stated, and nothing says why",
        "It was not sent to Stripe, and nothing says why; a sweep sends it.",
        is_delivered_next=True,
    ),
    "not_stated_by_us": wrong(
        Step.STRIPE, "not stated by us: somebody else did", "Stripe shows usage of which we have stated nothing."
    ),
    "missing_in_stripe": wrong(
        Step.STRIPE,
        "missing in Stripe: accepted, and never counted",
        "Stripe accepted the statement, and its own summary shows less: it was never counted.",
    ),
    "excess_in_stripe": wrong(
        Step.STRIPE,
        "too much in Stripe: something was counted twice",
        "Stripe's own summary shows more than was stated: something was counted twice.",
    ),
    **SIGNED_CAUSES,
}

_UNKNOWN = ExceptionKind(
    "exceptions of a kind that this version does not know", "read their detail in fridge.exceptions", Subject.USAGE
)


def kind_of(code: str) -> ExceptionKind:
    """What a kind of exception means; never nothing, since newer code may have opened it."""
    return EXCEPTION_KINDS.get(code, _UNKNOWN)


def advised(code: str) -> str:
    """What to do about a kind of exception, and where the runbook has the whole of it."""
    return f"{kind_of(code).do} (docs/runbook.md{f'#{code}' if code in EXCEPTION_KINDS else ''})"


def cause_in_words(code: str) -> str:
    """A cause of a difference, or a kind of exception, in a few words; an unknown one as it is written."""
    return DIFFERENCE_CAUSES[code].words if code in DIFFERENCE_CAUSES else code.replace("_", " ")
