"""What a reconciliation came to: how much of its plan it did, and why not the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fridge_pipeline.reconciliation.rules.reading_plan import ReadingPlan


@dataclass(slots=True)
class ReconciliationReport:
    """Requests made, customers read, and why others were not (reason → how many).

    A customer counts once for each tenant and meter. Those without usage in these days, of whom one sum over many days
    is read, are counted by themselves: ``without_usage_not_read`` were not read for all of these days, in this run or
    before. ``stopped`` says why Stripe was given up, ``None`` when it was not.
    """

    plan: ReadingPlan
    reads: int = 0
    customers_read: int = 0
    customers_not_read: Counter[str] = field(default_factory=Counter)
    without_usage_read: int = 0
    without_usage_not_read: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
