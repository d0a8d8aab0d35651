"""What is said of a kind of exception and of a cause of a difference; ``reason_codes`` has the kinds and causes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    PERIOD = "period"  # a meter's event name, of the billing period that begins then


class How(StrEnum):
    """How a person ends an exception (``fridge settle --how``)."""

    WRITTEN_OFF = "written_off"  # nobody is billed for it; of files nobody knows how much that is
    INVOICED_BY_HAND = "invoiced_by_hand"  # the document bills it
    CREDITED = "credited"  # Stripe has too much, and the document gives it back
    STATE_AGAIN = "state_again"  # its cause is gone: it is sent again
    COUNTED = "counted"  # unconfirmed, and Stripe has it
    NOT_COUNTED = "not_counted"  # unconfirmed, and Stripe does not have it: it is sent again
    NO_LOSS = "no_loss"  # nothing of it was to be counted, or it is counted otherwise


#: These say what becomes of a quantity for good: so much is not stated to Stripe any more.
OF_QUANTITY = (How.WRITTEN_OFF, How.INVOICED_BY_HAND, How.CREDITED)

#: The money is in another document, which is named.
NEED_DOCUMENT = (How.INVOICED_BY_HAND, How.CREDITED)


class Outcome(StrEnum):
    """What has become of usage."""

    BILLED = "billed"
    RECOVERABLE = "recoverable"  # not billed, and it may still be sent
    LOST = "lost"  # Stripe no longer accepts it, or it was written off: only an invoice by hand would bill it
    ELSEWHERE = "elsewhere"  # before the billing start: another system bills it


@dataclass(frozen=True, slots=True)
class ExceptionKind:
    """What happened, and what to do about it.

    ``cause`` is what the tie-out calls a difference between usage and ledger while such an exception is open; ``None``
    where it explains none. ``waits``: usage is left alone by the sweep until a person, or time, ends what stands in its
    way. ``withholds``: of a meter it says why usage was not even stated. ``ends``: how a person may end one by a
    settlement; where there are none, it ends by itself once what ``do`` says is done.
    """

    means: str
    do: str
    subject: Subject
    cause: str | None = None
    waits: bool = False
    withholds: bool = False
    ends: tuple[How, ...] = ()


@dataclass(frozen=True, slots=True)
class DifferenceCause:
    """Why two numbers that should be the same are not: in a few words, and in a sentence.

    ``step`` is where the tie-out looks for it, ``None`` for what only the reconciliation, or a signature, finds.
    ``is_explained``: it is known and waits for somebody or passes by itself, and is no error in the books. ``outcome``
    is what has become of the usage that Stripe does not have for it; with ``expires`` it is lost once Stripe takes the
    hour no more. ``is_delivered_next``: it waits for no person, the next run or Stripe's next sums end it.
    """

    step: Step | None
    words: str
    meaning: str
    is_explained: bool
    outcome: Outcome = Outcome.RECOVERABLE
    expires: bool = True
    is_delivered_next: bool = False


#: Usage that is owed by a customer; and both ways, where Stripe may also have too much.
OWED = (How.WRITTEN_OFF, How.INVOICED_BY_HAND)
EITHER = (*OWED, How.CREDITED)

#: Files: nobody knows what they would have brought.
OF_FILES = (How.WRITTEN_OFF, How.NO_LOSS)


def waiting(
    means: str,
    do: str,
    cause: str,
    ends: tuple[How, ...] = EITHER,
    *,
    of: Subject = Subject.METER,
    withholds: bool = True,
) -> ExceptionKind:
    """A kind for which usage is not stated, until a person or time ends what stands in its way."""
    withholds = withholds and of is Subject.METER
    return ExceptionKind(means, do, of, cause, waits=True, withholds=withholds, ends=ends)


def of_invoices(means: str, ends: tuple[How, ...]) -> ExceptionKind:
    """A kind about the billing periods of invoices."""
    do = "see fridge invoices; then fridge correct MONTH, or make the document by hand and fridge settle"
    return ExceptionKind(means, do, Subject.PERIOD, ends=ends)


def known(
    step: Step,
    words: str,
    meaning: str,
    outcome: Outcome = Outcome.RECOVERABLE,
    *,
    expires: bool = True,
    is_delivered_next: bool = False,
) -> DifferenceCause:
    """A cause that is no error: it waits for somebody, or passes by itself."""
    return DifferenceCause(
        step,
        words,
        meaning,
        is_explained=True,
        outcome=outcome,
        expires=expires,
        is_delivered_next=is_delivered_next,
    )


def wrong(
    step: Step | None, words: str, meaning: str, *, expires: bool = True, is_delivered_next: bool = False
) -> DifferenceCause:
    """A cause that a person must look into before a month is closed."""
    return DifferenceCause(
        step, words, meaning, is_explained=False, expires=expires, is_delivered_next=is_delivered_next
    )
