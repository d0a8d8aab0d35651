"""Side by side: the rows of a reconciliation, one per day and one per hour that differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from fridge_pipeline.calendar.days import day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import ALL_HOURS, BilledHours
from fridge_pipeline.reason_codes import DIFFERENCE_CAUSES
from fridge_pipeline.reconciliation.rules.causes import BookedHour, Cause, agrees, judge_hour, summed, worst

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Row:
    """One customer's day, or with ``hour`` one of its hours. ``stripe`` is ``None`` when Stripe was not read."""

    day: date
    hour: Hour | None
    stripe_customer_id: str | None
    usage: int | None
    ledger: int | None
    stripe: Decimal | None
    cause: Cause | None
    detail: str | None

    @property
    def difference(self) -> Decimal | None:
        """Stripe less usage: above 0 Stripe counts too much; it counts nothing while there is no customer."""
        if self.stripe is None and self.stripe_customer_id is not None:
            return None
        return (self.stripe or NOTHING) - (self.usage or 0)


@dataclass(slots=True)
class Seen:
    """What Stripe shows of one customer and meter: per day, and per hour of the days that were read by hour."""

    days: dict[date, Decimal]
    hours: dict[Hour, Decimal] = field(default_factory=dict)

    @classmethod
    def by_hour(cls, hours: Mapping[Hour, Decimal]) -> Seen:
        """Days as the sums of their hours: a ``last`` meter's own total of a day is that of its last hour."""
        seen = cls({}, dict(hours))
        for hour, value in hours.items():
            seen.days[day_of(hour)] = seen.days.get(day_of(hour), NOTHING) + value
        return seen

    def take_hours(self, days: Iterable[date], hours: Mapping[Hour, Decimal]) -> None:
        """Puts a later reading by hour in the place of what was seen of these days."""
        wanted = set(days)
        mine = {hour: value for hour, value in hours.items() if day_of(hour) in wanted}
        again = Seen.by_hour(mine)
        self.hours |= mine
        self.days |= {day: again.days.get(day, NOTHING) for day in wanted}


def differing_days(booked: Iterable[BookedHour], seen: Seen) -> list[date]:
    """The days whose totals are not the same, in order."""
    usage: dict[date, int] = defaultdict(int)
    ledger: dict[date, int] = defaultdict(int)
    for each in booked:
        usage[day_of(each.hour)] += each.usage or 0
        ledger[day_of(each.hour)] += each.ledger or 0
    days = sorted({*usage, *seen.days})
    return [day for day in days if not usage[day] == ledger[day] == seen.days.get(day, NOTHING)]


def days_with_differing_hours(booked: Iterable[BookedHour], seen: Seen) -> list[date]:
    """The days with an hour that is not the same, in order; for meters whose hours cannot be added."""
    ours = {each.hour: each for each in booked}
    return sorted(
        {
            day_of(hour)
            for hour in {*ours, *seen.hours}
            if not agrees(ours.get(hour, BookedHour(hour, None)), seen.hours.get(hour, NOTHING))
        }
    )


def days_with_unknown_hours(seen: Seen, known: Mapping[date, Decimal], *, unread: bool) -> list[date]:
    """The days with usage in Stripe whose hours came to something else when they were read, in order.

    ``known`` is what the hours of a day came to, of days that were read by the hour since they changed; with
    ``unread`` all others are among them too.
    """
    days = {day for day, value in seen.days.items() if value} | known.keys()
    return sorted(day for day in days if (seen.days.get(day, NOTHING) != known[day] if day in known else unread))


def share_out(
    seen: Mapping[Hour, Decimal], booked: Mapping[str, Sequence[BookedHour]], nobodys: str | None = None
) -> dict[str, dict[Hour, Decimal]]:
    """What Stripe shows of a customer that several tenants have, hour by hour to one of them each, so never twice.

    An hour belongs to whoever has statements that count there, else to whoever has anything there; of several the
    first by name has it, and the others find nothing of theirs. ``booked`` are each tenant's hours of this customer.
    What is nobody's is shown to the tenant ``nobodys``, or else to the first by name.
    """
    claims: dict[Hour, tuple[bool, str]] = {}
    for tenant_id, hours in booked.items():
        for each in hours:
            claim = (not each.ledger, tenant_id)
            claims[each.hour] = min(claims.get(each.hour, claim), claim)
    shares: dict[str, dict[Hour, Decimal]] = {tenant_id: {} for tenant_id in booked}
    for hour, value in seen.items():
        _, tenant_id = claims.get(hour, (True, nobodys or min(booked)))
        shares[tenant_id][hour] = value
    return shares


def side_by_side(
    customer_id: str,
    booked: Sequence[BookedHour],
    seen: Seen,
    differing: Iterable[date],
    now: datetime,
    billed: BilledHours = ALL_HOURS,
) -> list[Row]:
    """The rows of one customer that was read; ``differing`` are the days that were read by hour."""
    per_day = _per_day(booked)
    rows: list[Row] = []
    for day in sorted({*per_day, *(day for day, value in seen.days.items() if value)}):
        ours = {each.hour: each for each in per_day.get(day, [])}
        by_hour: list[Row] = []
        if day in differing:
            hours = sorted({*ours, *(hour for hour in seen.hours if day_of(hour) == day)})
            whole = [ours.get(hour, BookedHour(hour, customer_id)) for hour in hours]
            by_hour = [row for each in whole for row in _differs(each, seen.hours.get(each.hour, NOTHING), now, billed)]
        rows += [_day_row(day, customer_id, list(ours.values()), seen.days.get(day, NOTHING), by_hour), *by_hour]
    return rows


def unmapped(booked: Sequence[BookedHour], now: datetime, billed: BilledHours = ALL_HOURS) -> list[Row]:
    """The rows of usage that has no customer, and so no books in Stripe to be read."""
    rows: list[Row] = []
    for day, hours in _per_day(booked).items():
        by_hour = [row for each in hours for row in _differs(each, None, now, billed)]
        rows += [_day_row(day, None, hours, None, by_hour), *by_hour]
    return rows


def not_read(customer_id: str, booked: Sequence[BookedHour], why: str) -> list[Row]:
    """The rows of one customer for which Stripe could not be read."""
    rows = (_day_row(day, customer_id, hours, None, ()) for day, hours in _per_day(booked).items())
    return [replace(row, detail=f"not read: {why}") for row in rows]


def _differs(booked: BookedHour, seen: Decimal | None, now: datetime, billed: BilledHours) -> list[Row]:
    """One row when the hour differs, else none; ``seen`` is ``None`` when there is nothing to read."""
    cause = judge_hour(booked, NOTHING if seen is None else seen, now, billed)
    if cause is None:
        return []
    customer, meaning = booked.stripe_customer_id, DIFFERENCE_CAUSES[cause].meaning
    return [Row(day_of(booked.hour), booked.hour, customer, booked.usage, booked.ledger, seen, cause, meaning)]


def _day_row(
    day: date, customer_id: str | None, booked: Sequence[BookedHour], stripe: Decimal | None, by_hour: Sequence[Row]
) -> Row:
    cause, detail = worst(row.cause for row in by_hour), None
    if cause is not None:
        detail = f"hours that differ: {len(by_hour)}; the most pressing: {DIFFERENCE_CAUSES[cause].meaning}"
    return Row(
        day=day,
        hour=None,
        stripe_customer_id=customer_id,
        usage=summed(each.usage for each in booked),
        ledger=summed(each.ledger for each in booked),
        stripe=stripe,
        cause=cause,
        detail=detail,
    )


def _per_day(booked: Sequence[BookedHour]) -> dict[date, list[BookedHour]]:
    days: dict[date, list[BookedHour]] = {}
    for each in booked:
        days.setdefault(day_of(each.hour), []).append(each)
    return days
