"""What is not decided: what is unconfirmed, credit for what is too much, and when to try again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.stripe.rules.limits import CANCEL_WINDOW, SUMMARY_SETTLE


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A meter event or a cancellation of which nobody knows yet whether Stripe has it.

    ``before`` is what Stripe shows for the customer's hour when it does not count it, ``after`` when it does.
    ``absent_since`` is when an earlier reading first found ``before``; any other reading since starts it anew.
    """

    identifier: str
    event_name: str
    tenant_id: str
    stripe_customer_id: str
    hour: Hour
    before: int
    after: int
    is_cancellation: bool = False
    absent_since: datetime | None = None


class ReadBackVerdict(StrEnum):
    """What a reading of Stripe's books says about what is unconfirmed."""

    COUNTED = "counted"  # Stripe shows what it shows when it counts it
    ABSENT = "absent"  # Stripe does not show it; summaries lag, so this proves nothing yet
    MISSING = "missing"  # absent in two readings at least the settle time apart: Stripe does not have it
    UNEXPLAINED = "unexplained"  # Stripe shows something else altogether: a person must look


def judge_read_back(unconfirmed: Unconfirmed, seen: Decimal, now: datetime) -> ReadBackVerdict:
    """The verdict on a reading: ``seen`` is Stripe's value of the hour, 0 when it has none."""
    if seen == unconfirmed.after:
        return ReadBackVerdict.COUNTED
    if seen != unconfirmed.before:
        return ReadBackVerdict.UNEXPLAINED
    since = unconfirmed.absent_since
    has_settled = since is not None and now - since >= SUMMARY_SETTLE
    return ReadBackVerdict.MISSING if has_settled else ReadBackVerdict.ABSENT


@dataclass(frozen=True, slots=True)
class StatedDifference:
    """An accepted meter event on a meter that adds up; ``first_sent_at`` is the earliest time Stripe can have it."""

    identifier: str
    value: int
    first_sent_at: datetime
    is_refused_to_cancel: bool = False

    def can_be_cancelled(self, now: datetime) -> bool:
        """Whether Stripe surely still takes its cancellation, and has not refused it before."""
        return not self.is_refused_to_cancel and now - self.first_sent_at <= CANCEL_WINDOW


@dataclass(frozen=True, slots=True)
class CreditPlan:
    """Which meter events to cancel, and how much Stripe will have too much all the same."""

    cancel: tuple[StatedDifference, ...]
    credit_due: int


def plan_credit(newest_first: Sequence[StatedDifference], excess: int, now: datetime) -> CreditPlan:
    """Cancels the newest meter events until Stripe no longer has too much; what cannot be cancelled is a credit.

    It may cancel more than the excess: the rest is sent again as a difference once the cancellation is decided.
    """
    cancelled: list[StatedDifference] = []
    left = excess
    for difference in newest_first:
        if left <= 0:
            break
        if difference.value and difference.can_be_cancelled(now):
            cancelled.append(difference)
            left -= difference.value
    return CreditPlan(tuple(cancelled), max(left, 0))


#: So long after a failure at least, and at most; in between a quarter of the time that it has been going on. So after
#: an outage delivery waits for a quarter of its length, and a cause that stays costs four runs an hour.
WAIT_MIN = timedelta(minutes=2)
WAIT_MAX = timedelta(minutes=15)

#: Earlier attempts make the wait no longer.
ATTEMPTS_REMEMBERED = 6 * WAIT_MAX


def due_at(attempts: Iterable[datetime]) -> datetime | None:
    """When to try again what was tried in vain at these times; ``None`` is now."""
    known: Sequence[datetime] = sorted(attempts)
    if not known:
        return None
    return known[-1] + min(max((known[-1] - known[0]) / 4, WAIT_MIN), WAIT_MAX)
