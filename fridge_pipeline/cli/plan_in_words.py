"""What ``fridge bill --dry-run`` says: the plan for people, and whole for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fridge_pipeline.billing.plan_billing import BillingPlan
from fridge_pipeline.invoices.rules import priced_change
from fridge_pipeline.invoices.rules.priced_change import PricedChange
from fridge_pipeline.reason_codes import cause_in_words
from fridge_pipeline.visible import as_lines, counted

#: Tenants and meters that are shown; all of them are in the JSON.
CHANGES_SHOWN = 40

#: What becomes of usage that would not be stated, where the verdict is no cause of a difference.
VERDICTS = {
    "take_back": "statements that were never sent would be taken back",
    "credit": "too much stated: cancelled where Stripe still allows it, else a credit",
}


def as_mapping(plan: BillingPlan, priced: Sequence[PricedChange]) -> dict[str, Any]:
    """The whole plan for scripts."""
    return {
        "hours": [hour.key for hour in plan.hours],
        "runs": [str(each) for each in plan.runs],
        "hours_to_load": [hour.key for hour in plan.to_load],
        "hours_to_count": plan.to_count,
        "hours_not_delivered": [hour.key for hour in plan.undelivered],
        "hours_that_change": [hour.key for hour in plan.changing],
        "changes": [asdict(change) for change in plan.changes],
        "money": [priced_change.as_mapping(each) for each in priced],
        "waiting": plan.waiting,
        "calls": plan.calls,
        "seconds": plan.seconds,
    }


def as_text(plan: BillingPlan, priced: Sequence[PricedChange]) -> str:
    """The plan in words; nothing was sent or written."""
    if not plan.hours:
        return "no hour of these holds landing files or history: nothing would be run, and nothing changes at Stripe"
    held = f"{counted(len(plan.hours), 'hour')} with landing files or history"
    lines = [f"{held} would be run in {counted(len(plan.runs), 'run')}:"]
    lines += [f"  {each} ({counted(each.count, 'hour')})" for each in plan.runs]
    if plan.to_load:
        lines.append(
            f"landing files of {counted(len(plan.to_load), 'hour')} are not loaded yet, the first {plan.to_load[0]}: "
            "what these change is known only once they are loaded"
        )
    lines += [
        f"{measure} is not counted yet in {counted(hours, 'hour')}: what it changes is known only once that is counted"
        for measure, hours in plan.to_count.items()
    ]
    lines.append(
        f"of what is loaded changes at Stripe: {counted(len(plan.changing), 'hour')}, {counted(plan.calls, 'call')}, "
        f"{plan.seconds:.1f} s at the limit of calls"
    )
    for change in plan.changes[:CHANGES_SHOWN]:
        lines.append(
            f"  {change.tenant_id} {change.meter}: {change.before} -> {change.after} "
            f"({change.after - change.before:+}) in {counted(change.hours, 'hour')}"
        )
        account = (change.tenant_id, change.meter)
        of_change = [each for each in priced if (each.tenant_id, each.event_name) == account]
        lines += [f"    {priced_change.in_words(each)}" for each in of_change]
    if len(plan.changes) > CHANGES_SHOWN:
        lines.append(f"  and {len(plan.changes) - CHANGES_SHOWN} more tenants and meters (see --json)")
    lines += [
        f"{number} not stated; {VERDICTS.get(verdict) or cause_in_words(verdict)}"
        for verdict, number in plan.waiting.items()
    ]
    return as_lines(lines)
