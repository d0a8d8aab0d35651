"""Staging: whether Stripe must be told something about a tenant, meter and hour, and what; refusals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from fridge_pipeline.billing.rules.refusal_texts import says_customer_is_gone
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import Meter, Restatement, Variance
from fridge_pipeline.stripe.rules.meter_event import MeterEvent, Status, into_hour, is_too_late


def customer_gone_detail(case: StagingCase) -> str:
    """About an hour that Stripe was stated, and can take no change of; the difference is the figure."""
    change, stated = case.change, case.stated_value or 0
    owed = f"{abs(change)} {case.meter.event_name} {'more' if change > 0 else 'less'} than Stripe has"
    settled = f", settled {case.settled}" if case.settled else ""
    by_hand = f"an invoice item for {change}" if change > 0 else f"a credit for {-change}"
    return (
        f"{owed} (usage {case.value or 0}, stated {stated}{settled}): Stripe no longer knows customer "
        f"{case.customer_id}, to whom this hour was billed (deleted, merged into another, or of another account), "
        "and takes no change for it. The hour is not stated to another customer, who would be billed all of it. By "
        f"hand: {by_hand}, for whoever pays for the tenant now; then fridge settle. If Stripe has the customer after "
        "all: fridge settle EXCEPTION --how state_again, and the hour is stated once more."
    )


@dataclass(frozen=True, slots=True)
class StagingPolicy:
    """When usage is stated.

    An hour is closed ``close_after`` its end; ``variance`` is what becomes of usage far above its own history.
    """

    close_after: timedelta
    variance: Variance = Variance.HOLD


@dataclass(frozen=True, slots=True)
class StagingCase:
    """What is known of one (tenant, meter, hour) when it is asked whether Stripe must be told something.

    ``value`` is the hour's usage now, ``None`` when the tenant has none (missing is not zero).
    ``stated_*`` is what Stripe has, what its accepted meter events come to, and whose the hour is since. ``settled`` is
    how much of the usage people have ended otherwise, below 0 where they credited more. ``latest_*`` is the newest of
    all revisions; ``refusal`` is how and why it was refused, and ``refusal_open`` says that the exception about that is
    still open. ``cancelling`` says that the cancellation of an earlier meter event is not decided yet. ``taken_by`` is
    another tenant that has the customer's hour. ``closed_by`` is who closed the hour's month, ``None`` while it is
    open. ``is_billed`` says that the hour is not before the billing start, and that no other meter has it.
    ``is_former`` says that the catalogue has the meter no more: what differs is made good by hand.
    """

    tenant_id: str
    mapped_customer_id: str | None
    hour: Hour
    meter: Meter
    value: int | None
    stated_value: int | None = None
    stated_customer_id: str | None = None
    settled: int = 0
    latest_revision: int = 0
    latest_value: int | None = None
    latest_status: Status | None = None
    latest_customer_id: str | None = None
    refusal: str | None = None
    refusal_open: bool = False
    taken_by: str | None = None
    cancelling: bool = False
    closed_by: str | None = None
    is_billed: bool = True
    is_former: bool = False

    @property
    def customer_id(self) -> str | None:
        """Who is billed: whoever the hour was stated to, else whoever the tenant is mapped to.

        A tenant that moves to another Stripe customer takes no hour along that was stated before: it would be billed
        twice, or in part to one and in part to the other.
        """
        return self.stated_customer_id or self.mapped_customer_id

    @property
    def change(self) -> int:
        """How much more Stripe should have than it has; negative when it has too much."""
        return (self.value or 0) - self.settled - (self.stated_value or 0)

    @property
    def next_value(self) -> int:
        """What the next meter event would say: the hour's total that is not settled otherwise, or only the change."""
        if self.meter.restatement is Restatement.DIFFERENCE:
            return self.change
        return max((self.value or 0) - self.settled, 0)

    @property
    def is_credit(self) -> bool:
        """Whether there is too much of it, and no meter event can say less."""
        states_less = self.meter.restatement is not Restatement.DIFFERENCE and self.next_value != (
            self.stated_value or 0
        )
        return self.change < 0 and not states_less

    @property
    def in_words(self) -> str:
        """The usage, beside what Stripe has of it and what is settled otherwise."""
        parts = [f"Stripe has {self.stated_value}"] if self.stated_value is not None else []
        parts += [f"{abs(self.settled)} are {'settled' if self.settled > 0 else 'credited'}"] if self.settled else []
        already = f", of which {' and '.join(parts)}" if parts else ""
        return f"{self.value or 0} {self.meter.event_name}{already}"


class StagingVerdict(StrEnum):
    """What to do about one (tenant, meter, hour)."""

    STAGE = "stage"  # state it: a new revision
    RESTAGE = "restage"  # as STAGE, after superseding the newest revision, which was never sent
    TAKE_BACK = "take_back"  # supersede the newest revision, which was never sent; there is nothing to state instead
    CREDIT = "credit"  # Stripe adds up and has too much: cancel events, or finance gives a credit
    SETTLED = "settled"  # Stripe knows, or will be told by the revision that is already staged
    IN_FLIGHT = "in_flight"  # an older revision or a cancellation is undecided; decide that one first
    REFUSED = "refused"  # and its cause still stands
    UNMAPPED = "unmapped"  # no Stripe customer
    CUSTOMER_TAKEN = "customer_taken"  # the customer's hour is another tenant's: Stripe keeps one figure of both
    CUSTOMER_GONE = "customer_gone"  # refused, because the customer that has the hour is gone from Stripe
    TOO_LATE = "too_late"  # older than Stripe takes
    MONTH_CLOSED = "month_closed"  # the month is signed; it waits until somebody reopens it
    NOT_BILLED = "not_billed"  # before the billing start, or the meter's: counted and never stated
    CONTRADICTION = "contradiction"  # usage is not what its files brought; it waits until they agree
    HELD_FOR_REVIEW = "held_for_review"  # far above the tenant's own history; it waits until somebody releases it


#: These make a new revision.
STATES = frozenset({StagingVerdict.STAGE, StagingVerdict.RESTAGE})

#: After these Stripe is told something that it was not told before.
SAYS_SOMETHING_NEW = STATES | {StagingVerdict.CREDIT, StagingVerdict.TAKE_BACK}

#: After these the newest revision, staged and never sent, is no longer to be sent.
SUPERSEDES_STAGED = frozenset(
    {
        StagingVerdict.RESTAGE,
        StagingVerdict.TAKE_BACK,
        StagingVerdict.CREDIT,
        StagingVerdict.TOO_LATE,
        StagingVerdict.UNMAPPED,
        StagingVerdict.CUSTOMER_TAKEN,
    }
)

#: Usage waits for a person, and an exception of that kind says so.
WAITS = frozenset(
    {
        StagingVerdict.UNMAPPED,
        StagingVerdict.CUSTOMER_TAKEN,
        StagingVerdict.CUSTOMER_GONE,
        StagingVerdict.REFUSED,
        StagingVerdict.TOO_LATE,
        StagingVerdict.MONTH_CLOSED,
    }
)


def judge_staging(case: StagingCase, now: datetime) -> StagingVerdict:
    """Whether Stripe must be told something about this tenant, meter and hour, and if not, why.

    Usage that only stands out from its history is not known here: see ``is_gated``.
    """
    if not case.is_billed:
        return StagingVerdict.NOT_BILLED
    verdict = _judge_in_open_month(case, now)
    if case.closed_by is not None and verdict in STATES | {StagingVerdict.CREDIT}:
        return StagingVerdict.MONTH_CLOSED
    return verdict


def one_tenant_each(judged: Iterable[tuple[StagingCase, StagingVerdict]]) -> list[tuple[StagingCase, StagingVerdict]]:
    """The same, with one tenant at most to be stated to a customer's hour on a meter; whoever is on the books first.

    Two are to be where one was stated to a customer, all of it taken back, and the customer was then given to another.
    """
    judged = list(judged)
    first: dict[tuple[str | None, str, Hour], str] = {}
    for case, verdict in sorted(judged, key=lambda each: each[0].stated_customer_id is None):
        if verdict in STATES:
            first.setdefault((case.customer_id, case.meter.event_name, case.hour), case.tenant_id)
    found = []
    for case, verdict in judged:
        holder = first.get((case.customer_id, case.meter.event_name, case.hour), case.tenant_id)
        is_second = verdict in STATES and holder != case.tenant_id
        found.append((replace(case, taken_by=holder), StagingVerdict.CUSTOMER_TAKEN) if is_second else (case, verdict))
    return found


def is_gated(case: StagingCase, verdict: StagingVerdict) -> bool:
    """Whether its history is asked before it is stated: it would bill something new, or more than Stripe has."""
    return verdict in STATES and case.change > 0


def _judge_in_open_month(case: StagingCase, now: datetime) -> StagingVerdict:
    if case.latest_status in {Status.SENT, Status.UNKNOWN} or case.cancelling:
        return StagingVerdict.IN_FLIGHT
    if case.is_former:
        return _judge_former(case, now)
    staged = case.latest_status is Status.STAGED
    if case.change == 0:
        return StagingVerdict.TAKE_BACK if staged else StagingVerdict.SETTLED
    if case.is_credit:
        return StagingVerdict.CREDIT
    if is_too_late(case.hour, now):
        return StagingVerdict.TOO_LATE
    if case.customer_id is None:
        return StagingVerdict.UNMAPPED
    if case.taken_by is not None:
        return StagingVerdict.CUSTOMER_TAKEN
    same_customer = case.latest_customer_id == case.customer_id
    if staged:
        unchanged = same_customer and case.latest_value == case.next_value
        return StagingVerdict.SETTLED if unchanged else StagingVerdict.RESTAGE
    if case.latest_status is Status.REFUSED and case.refusal_open and same_customer:
        is_gone = says_customer_is_gone(case.refusal or "") and case.stated_customer_id is not None
        return StagingVerdict.CUSTOMER_GONE if is_gone else StagingVerdict.REFUSED
    return StagingVerdict.STAGE


def _judge_former(case: StagingCase, now: datetime) -> StagingVerdict:
    if case.change == 0:
        return StagingVerdict.SETTLED
    is_closed = case.closed_by is not None and not is_too_late(case.hour, now)
    return StagingVerdict.MONTH_CLOSED if is_closed else StagingVerdict.TOO_LATE


def next_event(case: StagingCase) -> MeterEvent:
    """The revision that states the hour's usage as it is now; for a case judged STAGE or RESTAGE."""
    if case.customer_id is None:
        raise ValueError(f"tenant {case.tenant_id!r} has no Stripe customer; its usage cannot be stated")
    revision = case.latest_revision + 1
    return MeterEvent(
        event_name=case.meter.event_name,
        tenant_id=case.tenant_id,
        stripe_customer_id=case.customer_id,
        hour=case.hour,
        revision=revision,
        value=case.next_value,
        is_difference=case.meter.restatement is Restatement.DIFFERENCE,
        into_hour=into_hour(case.meter, revision),
    )


@dataclass(frozen=True, slots=True)
class ChangedHour:
    """What Stripe has accepted of the hour, and what it would have; ``customer_id`` is who is billed."""

    tenant_id: str
    customer_id: str | None
    meter: Meter
    hour: Hour
    before: int
    after: int


def changed_hour(case: StagingCase) -> ChangedHour:
    """The hour of a case, before and after its statement."""
    stated = case.stated_value or 0
    return ChangedHour(case.tenant_id, case.customer_id, case.meter, case.hour, stated, stated + case.change)
