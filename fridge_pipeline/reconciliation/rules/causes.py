"""Why usage, ledger and Stripe's books differ; and our count beside another system's, in shadow mode."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import ALL_HOURS, BilledHours
from fridge_pipeline.reason_codes import EXCEPTION_KINDS
from fridge_pipeline.reason_terms import Subject
from fridge_pipeline.stripe.rules.limits import SUMMARY_SETTLE
from fridge_pipeline.stripe.rules.meter_event import is_too_late


class Cause(StrEnum):
    """Why an hour's three numbers are not the same, the most pressing first; ``reason_codes`` says what each means."""

    UNEXPLAINED = "unexplained"
    NOT_STATED_BY_US = "not_stated_by_us"
    CREDIT_DUE = "credit_due"
    CUSTOMER_GONE = "customer_gone"
    CUSTOMER_TAKEN = "customer_taken"
    REFUSED = "refused"
    TOO_LATE = "too_late"
    UNMAPPED = "unmapped"
    HELD_FOR_REVIEW = "held_for_review"
    MONTH_CLOSED = "month_closed"
    LAGGING = "lagging"
    IN_FLIGHT = "in_flight"
    NOT_BILLED = "not_billed"


#: Open exceptions for which usage is not stated, and what that makes of a difference: of usage that contradicts its
#: files nobody can say what is right. Who has no customer, and what is too old, ``judge_hour`` sees for itself.
NOT_STATED = {
    kind: Cause(kind) if each.withholds else Cause.UNEXPLAINED
    for kind, each in EXCEPTION_KINDS.items()
    if (each.withholds or each.subject is Subject.USAGE) and kind not in {Cause.UNMAPPED, Cause.TOO_LATE}
}

#: What reconciliation opens exceptions for, each under its own name: a person has to look.
FOR_A_PERSON = frozenset({Cause.UNEXPLAINED, Cause.NOT_STATED_BY_US})

#: Causes that the next readings may find gone: such days are read again.
PASSING = frozenset({Cause.UNEXPLAINED, Cause.LAGGING, Cause.IN_FLIGHT})


@dataclass(frozen=True, slots=True)
class BookedHour:
    """One hour of a tenant, meter and customer in our own books.

    ``usage`` is what this customer is to pay, without what people have settled otherwise, and ``ledger`` what the
    accepted statements come to; ``None`` where there is none. ``credited_in_stripe`` is what they gave back of what
    Stripe shows beyond that. ``most`` is the most that Stripe may show of what it was sent. ``decided_at`` is when it
    accepted the last statement or cancellation. ``is_open``: something is undecided; ``is_refused``: the newest
    statement is refused; ``is_credit_due``: the exception of that kind is open. ``waiting``: the kind of another open
    exception for which it is not stated, one of ``NOT_STATED``. ``is_sent``: we have sent a
    statement, whatever became of it.
    """

    hour: Hour
    stripe_customer_id: str | None
    usage: int | None = None
    ledger: int | None = None
    most: int = 0
    decided_at: datetime | None = None
    is_open: bool = False
    is_refused: bool = False
    is_credit_due: bool = False
    waiting: str | None = None
    is_sent: bool = False
    credited_in_stripe: int = 0


def agrees(booked: BookedHour, seen: Decimal) -> bool:
    """Whether usage, ledger and Stripe say the same; nothing and 0 do."""
    return (booked.usage or 0) == (booked.ledger or 0) == seen - booked.credited_in_stripe


def judge_hour(booked: BookedHour, seen: Decimal, now: datetime, billed: BilledHours = ALL_HOURS) -> Cause | None:
    """Why the three differ, ``None`` when they agree; ``seen`` is what Stripe shows, 0 when it shows nothing.

    The books must have been read after Stripe: what was accepted in between then lags instead of being too much.
    An hour that the meter does not bill, and of which we have stated nothing is somebody else's, also when it agrees.
    """
    if agrees(booked, seen):
        return None
    seen -= booked.credited_in_stripe
    if booked.is_open:
        return Cause.IN_FLIGHT
    if not billed.bills(booked.hour) and (booked.ledger is None or seen == booked.ledger):
        return Cause.NOT_BILLED
    if seen == (booked.ledger or 0):
        return _why_not_stated(booked, now)
    if seen <= booked.most:
        if booked.is_refused and booked.ledger is None and booked.usage is not None:
            return Cause.REFUSED  # Stripe still shows the revision before the refused one, of whoever is to pay
        if booked.decided_at is not None and now - booked.decided_at < SUMMARY_SETTLE:
            return Cause.LAGGING
    return Cause.UNEXPLAINED if booked.is_sent else Cause.NOT_STATED_BY_US


def _why_not_stated(booked: BookedHour, now: datetime) -> Cause:
    """Stripe has what it was told; why it was not told the usage, in the order in which staging asks."""
    if booked.is_credit_due:
        return Cause.CREDIT_DUE
    if booked.stripe_customer_id is None:
        return Cause.UNMAPPED
    if is_too_late(booked.hour, now):
        return Cause.TOO_LATE
    if booked.waiting is not None:
        return NOT_STATED[booked.waiting]
    return Cause.REFUSED if booked.is_refused else Cause.IN_FLIGHT


def worst(causes: Iterable[Cause | None]) -> Cause | None:
    """The most pressing of several causes."""
    found = {cause for cause in causes if cause is not None}
    return next((cause for cause in Cause if cause in found), None)


def summed(values: Iterable[int | None]) -> int | None:
    """The sum of what there is; ``None`` when there is nothing, because missing is not zero."""
    present = [value for value in values if value is not None]
    return sum(present) if present else None


@dataclass(frozen=True, slots=True)
class ComparedHour:
    """One tenant, meter and hour: ``usage`` is our count, ``stripe`` what Stripe adds up; ``None`` where there is none.

    Without a ``stripe_customer_id`` there are no books in Stripe to be read.
    """

    tenant_id: str
    event_name: str
    stripe_customer_id: str | None
    hour: Hour
    usage: int | None
    stripe: Decimal | None

    @property
    def difference(self) -> Decimal:
        """Stripe less our count: above 0 the other system has stated more than was stored."""
        return (self.stripe or Decimal(0)) - (self.usage or 0)


@dataclass(slots=True)
class ComparedAccount:
    """All compared hours of a tenant, meter and customer, added up."""

    tenant_id: str
    event_name: str
    stripe_customer_id: str | None
    hours: int = 0
    hours_differing: int = 0
    usage: int = 0
    stripe: Decimal = Decimal(0)

    @property
    def difference(self) -> Decimal:
        """Stripe less our count; hours that make up for each other do not show in it."""
        return self.stripe - self.usage


def accounts_of(hours: Iterable[ComparedHour]) -> list[ComparedAccount]:
    """The accounts of these hours, in order of tenant and meter."""
    accounts: dict[tuple[str, str, str], ComparedAccount] = {}
    for each in hours:
        key = (each.tenant_id, each.event_name, each.stripe_customer_id or "")
        account = accounts.setdefault(key, ComparedAccount(each.tenant_id, each.event_name, each.stripe_customer_id))
        account.hours += 1
        account.hours_differing += each.difference != 0
        account.usage += each.usage or 0
        account.stripe += each.stripe or Decimal(0)
    return [accounts[key] for key in sorted(accounts)]
