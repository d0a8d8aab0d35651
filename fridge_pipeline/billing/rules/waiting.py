"""Usage that waits for a person: what the exception about it says, with what is still owed and the ways that work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from fridge_pipeline.billing.rules.refusal_texts import refused_detail
from fridge_pipeline.billing.rules.staging import StagingCase, StagingVerdict, customer_gone_detail
from fridge_pipeline.calendar.days import Month
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour
from fridge_pipeline.catalogue.meter import Formula, Window
from fridge_pipeline.stripe.rules.limits import CANCEL_WINDOW, OLDEST_TIMESTAMP
from fridge_pipeline.stripe.rules.meter_event import billing_deadline, identifier_of

#: Stripe takes these as soon as what stands in their way is gone, until their deadline.
CAN_STILL_BE_STATED = frozenset(
    {StagingVerdict.UNMAPPED, StagingVerdict.CUSTOMER_TAKEN, StagingVerdict.REFUSED, StagingVerdict.MONTH_CLOSED}
)

#: Of the tenants without a Stripe customer in an hour of a meter so many have an exception each: those with the most
#: usage. The others are told together, since one file may name hundreds of thousands that nobody has heard of.
TOLD_ALONE_MAX = 1_000

#: So many of those told together are shown, and so much of a name.
SHOWN_MAX, NAME_LENGTH_MAX = 10, 60

#: An hour, a meter's event name, and the verdict on the tenants without a customer there.
Together = tuple[Hour, str, StagingVerdict]


def told_together(cases: Iterable[tuple[StagingCase, StagingVerdict]]) -> dict[Together, list[StagingCase]]:
    """The usage of tenants without a Stripe customer that has no exception of its own, the most of it first."""
    found: dict[Together, list[StagingCase]] = defaultdict(list)
    for case, verdict in cases:
        is_unheard_of = case.customer_id is None and case.change > 0
        if verdict in {StagingVerdict.UNMAPPED, StagingVerdict.TOO_LATE} and is_unheard_of:
            found[case.hour, case.meter.event_name, verdict].append(case)
    return {
        key: sorted(group, key=lambda case: (-case.change, case.tenant_id))[TOLD_ALONE_MAX:]
        for key, group in found.items()
        if len(group) > TOLD_ALONE_MAX
    }


def together_detail(key: Together, cases: Sequence[StagingCase]) -> str:
    """What waits of many tenants at once, why, and what a person can do."""
    hour, event_name, verdict = key
    shown = [f"{case.tenant_id[:NAME_LENGTH_MAX]!r} {case.change}" for case in cases[:SHOWN_MAX]]
    more = f" and {len(cases) - SHOWN_MAX} more" if len(cases) > SHOWN_MAX else ""
    amount = f"{sum(case.change for case in cases)} {event_name} of {len(cases)} tenants without a Stripe customer"
    if verdict is StagingVerdict.UNMAPPED:
        why = (
            "Import those that are yours with their customers (fridge tenants import): they are stated with the next "
            f"run, until {billing_deadline(hour):%Y-%m-%d %H:%M} UTC. fridge.unmapped_usage has them all. If nobody "
            "knows them, take their file out of usage (fridge withdraw)."
        )
    else:
        why = (
            f"The hour is older than the {OLDEST_TIMESTAMP.days} days that Stripe accepts. Invoice those that are "
            "yours by hand, or write it off; then: fridge settle."
        )
    return f"{amount}, besides {TOLD_ALONE_MAX} with exceptions of their own: {', '.join(shown)}{more}. {why}"


def waiting_subject(case: StagingCase, verdict: StagingVerdict) -> str:
    """What the exception about it is about: the meter event that was refused, else the meter."""
    if verdict is StagingVerdict.REFUSED:
        return identifier_of(case.meter.event_name, case.tenant_id, case.hour, case.latest_revision)
    return case.meter.event_name


def waiting_detail(case: StagingCase, verdict: StagingVerdict) -> str:
    """What waits, why, and what a person can do; for the verdicts of ``billing.rules.staging.WAITS``."""
    if verdict is StagingVerdict.CUSTOMER_GONE:
        return customer_gone_detail(case)
    if verdict is StagingVerdict.REFUSED:
        return refused_detail(case.in_words, case.latest_customer_id, case.refusal or "was refused")
    return f"{case.in_words}: {_why(case, verdict)}"


def waits_until(case: StagingCase, verdict: StagingVerdict) -> datetime | None:
    """Until when Stripe takes what waits; ``None`` if it does not, and for a credit, which has no last day."""
    is_in_time = verdict in CAN_STILL_BE_STATED and not case.is_credit and not case.is_former
    return billing_deadline(case.hour) if is_in_time else None


def _why(case: StagingCase, verdict: StagingVerdict) -> str:
    until = f"{billing_deadline(case.hour):%Y-%m-%d %H:%M} UTC"
    nobody = f" Tenant {case.tenant_id!r} has no Stripe customer either." if case.customer_id is None else ""
    if case.is_former:
        return (
            f"FRIDGE_METERS has the meter that bills this hour no more, so it cannot be billed as usage.{nobody} "
            f"{_by_hand(case)}, or write it off; then: fridge settle."
        )
    if verdict is StagingVerdict.UNMAPPED:
        return (
            f"tenant {case.tenant_id!r} has no Stripe customer. Import the tenant with its customer (fridge tenants "
            f"import); it is stated with the next run, until {until}."
        )
    if verdict is StagingVerdict.CUSTOMER_TAKEN:
        return (
            f"customer {case.customer_id} of tenant {case.tenant_id!r} is billed the usage of tenant {case.taken_by!r} "
            "in this hour, and Stripe keeps one figure per customer, meter and hour: one tenant would overwrite the "
            f"other, or swell it. {_by_hand(case)}, if both are this customer's. Or give {case.tenant_id!r} a customer "
            f"of its own (fridge tenants import){_withdrawal(case)}: then it is stated with the next run, until "
            f"{until}."
        )
    if verdict is StagingVerdict.MONTH_CLOSED:
        month = Month.containing(case.hour.start)
        in_time = f", until {until}" if waits_until(case, verdict) else ""
        return (
            f"{month} was closed by {case.closed_by}, so the change of {case.change:+} waits. To have it stated with "
            f"the next run{in_time}: fridge reopen {month} --as LOGIN --reason TEXT. Or bill it by hand: "
            f"{_by_hand(case)}, then: fridge settle."
        )
    return (
        f"the hour is older than the {OLDEST_TIMESTAMP.days} days that Stripe accepts, so it cannot be billed as "
        f"usage.{nobody} {_by_hand(case)}, or write it off; then: fridge settle."
    )


def _withdrawal(case: StagingCase) -> str:
    """How the other tenant's figure comes down to 0, which a raw meter's does only while events can be cancelled."""
    if case.meter.window is Window.NONE and case.meter.formula is Formula.LAST:
        return ""
    files = f", or take the files of {case.taken_by!r} out of usage (fridge withdraw"
    if case.meter.window is Window.HOUR:  # a total is not sent by itself where an archived meter has the hour
        return f"{files}; and where the meter was made anew since, have the 0 stated again: fridge settle)"
    return f"{files}) within {CANCEL_WINDOW // ONE_HOUR} hours of being sent, while Stripe cancels it"


def _by_hand(case: StagingCase) -> str:
    """What makes good for the difference outside of usage."""
    if case.change < 0:
        return f"Give a credit for {-case.change}"
    return f"Add an invoice item for {case.change}"
