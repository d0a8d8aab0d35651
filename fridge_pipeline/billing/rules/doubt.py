"""Doubt: something was sent, and nobody knows whether Stripe counts it. Reading Stripe back decides (law L6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from fridge_pipeline.calendar.hour import Hour
from fridge_pipeline.stripe.rules.limits import SUMMARY_SETTLE


@dataclass(frozen=True, slots=True)
class Doubt:
    """A statement or a cancellation in doubt.

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


class DoubtVerdict(StrEnum):
    """What a reading of Stripe's books says about something in doubt."""

    COUNTED = "counted"  # Stripe shows what it shows when it counts it
    ABSENT = "absent"  # Stripe does not show it; summaries lag, so this proves nothing yet
    MISSING = "missing"  # absent in two readings at least the settle time apart: Stripe does not have it
    UNEXPLAINED = "unexplained"  # Stripe shows something else altogether: a person must look


def judge_doubt(doubt: Doubt, seen: Decimal, now: datetime) -> DoubtVerdict:
    """The verdict on a reading: ``seen`` is Stripe's value of the hour, 0 when it has none."""
    if seen == doubt.after:
        return DoubtVerdict.COUNTED
    if seen != doubt.before:
        return DoubtVerdict.UNEXPLAINED
    has_settled = doubt.absent_since is not None and now - doubt.absent_since >= SUMMARY_SETTLE
    return DoubtVerdict.MISSING if has_settled else DoubtVerdict.ABSENT
