"""What a reconciliation came to: how much of its plan it did, and why not the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from fridge_pipeline.reconciliation.reconciliation_record import ReconciledDay
from fridge_pipeline.reconciliation.rules.causes import FOR_A_PERSON
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


def accounts_of(days: Iterable[ReconciledDay]) -> tuple[int, int]:
    """How many accounts these days have, and how many of them were compared with Stripe."""
    some = list(days)
    return sum(day.accounts for day in some), sum(day.compared for day in some)


def reconciliation_summary(reconciled: Mapping[date, ReconciledDay], report: ReconciliationReport) -> str:
    """What it came to, in one line of the log."""
    accounts, compared = accounts_of(reconciled.values())
    causes = Counter({cause.value: 0 for cause in FOR_A_PERSON})
    for day in reconciled.values():
        causes.update({cause: accounts for cause, accounts in day.causes.items() if cause in causes})
    why_not = report.customers_not_read + report.without_usage_not_read
    not_read = "; ".join(f"{number} customers not read: {why}" for why, number in why_not.items())
    return (
        f"{compared} of {accounts} accounts compared, {causes.total()} unexplained; {report.without_usage_read} of "
        f"{report.plan.without_usage} customers without usage read; {report.reads} reads of "
        f"Stripe{f'; {not_read}' if not_read else ''}"
    )
