"""Kinds of exceptions and causes of differences: what each means and what to do about it, once.

``fridge migrate`` writes both to the database, whose tables take no others; SQL models, report, command line and
alerts read them from here or from there, and docs/runbook.md has a section on each.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Step(StrEnum):
    """Where along the tie-out a difference is found."""

    FILES = "files"
    USAGE = "usage"
    LEDGER = "ledger"
    STRIPE = "stripe"


class Subject(StrEnum):
    """What an exception is about within its tenant-hour."""

    FOLDER = "folder"
    FILE = "file"  # a landing file's path
    USAGE = "usage"  # a tenant-hour as a whole
    METER = "meter"  # a meter's event name
    STATEMENT = "statement"  # a meter event's identifier


@dataclass(frozen=True, slots=True)
class ExceptionKind:
    """What happened, and what to do about it.

    ``cause`` is what the tie-out calls a difference between usage and ledger while such an exception is open; ``None``
    where it explains none. ``waits``: usage is left alone by the sweep until a person, or time, ends what stands in its
    way.
    """

    means: str
    do: str
    subject: Subject
    cause: str | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class DifferenceCause:
    """Why two numbers that should be the same are not: in a few words, and in a sentence.

    ``step`` is where the tie-out looks for it, ``None`` for what only the reconciliation finds. ``is_explained``: it is
    known and waits for somebody or passes by itself, and is no error in the books.
    """

    step: Step | None
    is_explained: bool
    words: str
    meaning: str


#: In the order in which the tie-out asks them.
EXCEPTION_KINDS: Final[dict[str, ExceptionKind]] = {
    "unreadable_file": ExceptionKind(
        "landing files that cannot be read, or only up to a damage",
        "have the gateway deliver the file again under the same name",
        Subject.FILE,
    ),
    "load_failed": ExceptionKind(
        "landing folders that cannot be listed",
        "make the folder readable; it is tried again by itself",
        Subject.FOLDER,
    ),
    "unexpected_hour": ExceptionKind(
        "landing folders before the first hour of the grid",
        "set FRIDGE_PARTITIONS_START earlier, or bill the hour: fridge bill --from KEY --to KEY",
        Subject.FOLDER,
    ),
    "rows_rejected": ExceptionKind(
        "landing files of which many rows, or most rows of a tenant, are rejected and not counted",
        "have the gateway's time, unit or format corrected and the file delivered again under the same name",
        Subject.FILE,
    ),
    "future_hour": ExceptionKind(
        "landing folders of hours that have not begun", "move the files into the hour they arrived in", Subject.FOLDER
    ),
    "stray_files": ExceptionKind(
        "files in no landing hour, which nobody loads", "move them into <YYYY-MM-DD>/<HH>/, in UTC", Subject.FOLDER
    ),
    "landing_vanished": ExceptionKind(
        "a landing zone in which none of the files of the last days is left, so that no delivery is seen",
        "mount or restore it, or correct FRIDGE_LANDING_URI; fridge doctor shows it",
        Subject.FOLDER,
    ),
    "contradiction": ExceptionKind(
        "usage that is not what its files brought, not billed",
        "restore what was changed behind the program's back, then bill the hour again: fridge bill",
        Subject.USAGE,
        cause="contradiction",
    ),
    "month_closed": ExceptionKind(
        "usage that changed after its month was closed",
        "fridge reopen the month, or invoice the difference",
        Subject.METER,
        cause="month_closed",
        waits=True,
    ),
    "held_for_review": ExceptionKind(
        "usage far above the tenant's own history, not billed",
        "fridge explain TENANT HOUR, then fridge release or fridge withdraw",
        Subject.METER,
        cause="held_for_review",
        waits=True,
    ),
    "too_late": ExceptionKind(
        "usage older than the 35 days that Stripe takes",
        "invoice or credit it by hand, or let it go and close the exception",
        Subject.METER,
        cause="too_late",
        waits=True,
    ),
    "unmapped": ExceptionKind(
        "usage of tenants without a Stripe customer",
        "import the tenants with their customers: fridge tenants import",
        Subject.METER,
        cause="unmapped",
        waits=True,
    ),
    "customer_taken": ExceptionKind(
        "usage of tenants whose customer is billed another tenant's usage of the same hour",
        "invoice it by hand, or give the tenant a customer of its own: fridge tenants import",
        Subject.METER,
        cause="customer_taken",
        waits=True,
    ),
    "refused": ExceptionKind(
        "usage that Stripe refused; the detail has its reason",
        "remove the cause (fridge stripe check; fridge tenants import), then close the exception",
        Subject.STATEMENT,
        cause="refused",
        waits=True,
    ),
    "customer_gone": ExceptionKind(
        "usage that changed after its customer was deleted from Stripe or merged into another",
        "invoice or credit the difference by hand; the detail has it",
        Subject.METER,
        cause="customer_gone",
        waits=True,
    ),
    "credit_due": ExceptionKind(
        "usage that Stripe has too much of and cannot cancel",
        "give the customer a credit, then close the exception",
        Subject.METER,
        cause="credit_due",
        waits=True,
    ),
    "unexplained": ExceptionKind(
        "usage of which nobody knows whether Stripe counts it",
        "wait six hours, in which most settle themselves; then fridge explain TENANT HOUR --read-stripe",
        Subject.STATEMENT,
        cause="in_doubt",
        waits=True,
    ),
}

#: In the order in which they are looked for: of several causes of a difference the first one is named.
DIFFERENCE_CAUSES: Final[dict[str, DifferenceCause]] = {
    "readings_missing": DifferenceCause(
        step=Step.FILES,
        is_explained=False,
        words="readings missing: fewer are stored than the files brought",
        meaning=(
            "Fewer readings are stored now than the landing files brought: some were removed behind the program's back."
        ),
    ),
    "readings_added": DifferenceCause(
        step=Step.FILES,
        is_explained=False,
        words="readings added: more are stored than the files brought",
        meaning=(
            "More readings are stored now than the landing files brought: some were added behind the program's back."
        ),
    ),
    "not_counted_yet": DifferenceCause(
        step=Step.USAGE,
        is_explained=True,
        words="not counted yet: a file was loaded or withdrawn after the hour was counted",
        meaning="A landing file was loaded or withdrawn after the hour was counted.",
    ),
    "sensors_changed": DifferenceCause(
        step=Step.USAGE,
        is_explained=False,
        words="sensors changed: readings were changed behind the program's back",
        meaning="The tenant's readings of the hour were changed behind the program's back, and with them its sensors.",
    ),
    "usage_changed": DifferenceCause(
        step=Step.USAGE,
        is_explained=False,
        words="usage changed: the usage table was edited",
        meaning="The usage table says something else than the landing files and the stored readings: it was edited.",
    ),
    "unexplained": DifferenceCause(
        step=None,
        is_explained=False,
        words="unexplained: a person must look",
        meaning="Stripe shows what it should not, see the exception.",
    ),
    "not_billed": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="not billed by us: before the hour from which usage is stated",
        meaning=(
            "Before the first hour that is billed (FRIDGE_BILL_FROM): counted and never stated; what Stripe shows of "
            "it was stated by somebody else."
        ),
    ),
    "contradiction": DifferenceCause(
        step=Step.LEDGER,
        is_explained=False,
        words="contradiction: usage is not what its files brought",
        meaning=(
            "Usage is not what its files brought, so it is not stated until somebody has restored what was changed."
        ),
    ),
    "month_closed": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="month closed: the change waits for a reopening",
        meaning="It changed after its month was closed; the change waits until the month is reopened.",
    ),
    "held_for_review": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="held for review: far outside the tenant's own history",
        meaning="Far outside the tenant's own history; a person has to release it.",
    ),
    "too_late": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="too late: older than the 35 days that Stripe takes",
        meaning="Older than the 35 days that Stripe accepts.",
    ),
    "unmapped": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="unmapped: the tenant has no Stripe customer",
        meaning="The tenant has no Stripe customer; billed as soon as it has one.",
    ),
    "customer_taken": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="customer taken: it is billed another tenant's usage of the hour",
        meaning=(
            "The tenant's customer is billed another tenant's usage of the same hour, and Stripe keeps "
            "one figure of both."
        ),
    ),
    "refused": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="refused by Stripe",
        meaning="Stripe refused it, see the exception; stated anew once the cause is gone.",
    ),
    "customer_gone": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="customer gone: deleted from Stripe or merged, it takes no change",
        meaning=(
            "The customer that has the hour is gone from Stripe and takes no change; the difference is billed by hand."
        ),
    ),
    "credit_due": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="credit due: Stripe has too much, finance gives a credit",
        meaning="Stripe has too much and it can no longer be cancelled; the customer gets a credit.",
    ),
    "in_doubt": DifferenceCause(
        step=Step.LEDGER,
        is_explained=False,
        words="in doubt: nobody knows whether Stripe counted it",
        meaning="Nobody knows whether Stripe counted a statement; see the exception unexplained.",
    ),
    "lagging": DifferenceCause(
        step=Step.STRIPE,
        is_explained=True,
        words="lagging: accepted lately, Stripe's summaries follow",
        meaning="Accepted less than 6 hours ago; Stripe's summaries lag behind, and it is read again.",
    ),
    "in_flight": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="in flight: the statement is under way",
        meaning="A statement or cancellation is undecided or still to be made; the next billing goes on with it.",
    ),
    "receipt_missing": DifferenceCause(
        step=Step.LEDGER,
        is_explained=False,
        words="receipt missing: sent, and no answer is on record",
        meaning="The statement was sent over an hour ago and no answer is on record; the next run settles it.",
    ),
    "not_due_yet": DifferenceCause(
        step=Step.LEDGER,
        is_explained=True,
        words="not due yet: the hour closed too lately to be billed",
        meaning="The hour has not been closed for long enough to be billed.",
    ),
    "not_stated": DifferenceCause(
        step=Step.LEDGER,
        is_explained=False,
        words="not stated, and nothing says why",
        meaning="Nothing says why Stripe was not told; the next sweep states it.",
    ),
    "missing_in_stripe": DifferenceCause(
        step=Step.STRIPE,
        is_explained=False,
        words="missing in Stripe: accepted, and never counted",
        meaning="Stripe accepted the statement, and its own summary shows less: it was never counted.",
    ),
    "excess_in_stripe": DifferenceCause(
        step=Step.STRIPE,
        is_explained=False,
        words="too much in Stripe: something was counted twice",
        meaning="Stripe's own summary shows more than was stated: something was counted twice.",
    ),
}

_UNKNOWN = ExceptionKind(
    "exceptions of a kind that this version does not know", "read their detail in fridge.exceptions", Subject.USAGE
)


def kind_of(code: str) -> ExceptionKind:
    """What a kind of exception means; never nothing, since newer code may have opened it."""
    return EXCEPTION_KINDS.get(code, _UNKNOWN)


def advised(code: str) -> str:
    """What to do about a kind of exception, and where the runbook has the whole of it."""
    section = f"#{code}" if code in EXCEPTION_KINDS else ""
    return f"{kind_of(code).do} (docs/runbook.md{section})"


def cause_in_words(code: str) -> str:
    """A cause of a difference, or a kind of exception, in a few words; an unknown one as it is written."""
    cause = DIFFERENCE_CAUSES.get(code)
    return cause.words if cause else code.replace("_", " ")
