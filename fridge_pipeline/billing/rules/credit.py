"""Credit: Stripe adds up what it was told and has too much; what can be cancelled, and what finance must give back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fridge_pipeline.stripe.rules.limits import CANCEL_WINDOW


@dataclass(frozen=True, slots=True)
class StatedDifference:
    """An accepted statement on a meter that adds up; ``first_sent_at`` is the earliest time Stripe can have it."""

    identifier: str
    value: int
    first_sent_at: datetime
    is_refused_to_cancel: bool = False

    def can_be_cancelled(self, now: datetime) -> bool:
        """Whether Stripe surely still takes its cancellation, and has not refused it before."""
        return not self.is_refused_to_cancel and now - self.first_sent_at <= CANCEL_WINDOW


@dataclass(frozen=True, slots=True)
class CreditPlan:
    """Which statements to cancel, and how much Stripe will have too much all the same."""

    cancel: tuple[StatedDifference, ...]
    credit_due: int


def plan_credit(newest_first: Sequence[StatedDifference], excess: int, now: datetime) -> CreditPlan:
    """Cancels the newest statements until Stripe no longer has too much; what cannot be cancelled is a credit.

    It may cancel more than the excess: the rest is stated anew as a difference once the cancellation is decided.
    """
    cancelled: list[StatedDifference] = []
    left = excess
    for statement in newest_first:
        if left <= 0:
            break
        if statement.value and statement.can_be_cancelled(now):
            cancelled.append(statement)
            left -= statement.value
    return CreditPlan(tuple(cancelled), max(left, 0))
