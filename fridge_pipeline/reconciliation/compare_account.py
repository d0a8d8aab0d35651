"""Compare: one tenant and meter with what Stripe shows of its customers, or that it shows nothing of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import psycopg

from fridge_pipeline.billing.meters_at_stripe import sums_by_hour, whole_hours
from fridge_pipeline.billing.open_stripe import ReadPurpose, count_reads, stripe_of_books
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import BilledHours
from fridge_pipeline.catalogue.meter import Formula
from fridge_pipeline.database.exceptions import ExceptionKey, open_exception
from fridge_pipeline.database.queries import span_of, statement
from fridge_pipeline.database.run import Failpoint, Run
from fridge_pipeline.reconciliation.reconciliation_record import Account, accounts_to_read, booked_hours, write_rows
from fridge_pipeline.reconciliation.rules.causes import FOR_A_PERSON, BookedHour, Cause
from fridge_pipeline.reconciliation.rules.reading_plan import DAYS_BY_HOUR_MAX
from fridge_pipeline.reconciliation.rules.side_by_side import (
    Row,
    Seen,
    days_with_differing_hours,
    days_with_unknown_hours,
    differing_days,
    not_read,
    share_out,
    side_by_side,
    unmapped,
)
from fridge_pipeline.reconciliation.stripe_answers import Answer, keep_answer, keep_range, known_days
from fridge_pipeline.stripe.gateway import StripeGateway
from fridge_pipeline.stripe.reads import Grouping, summed_usage
from fridge_pipeline.stripe.rules.meter_event import billing_deadline


@dataclass(slots=True)
class AccountReader:
    """Reads accounts and commits what comes of each; ``reads`` says how many requests that took so far.

    ``billed``: event name → the hours that it states. ``unread_hours``: there are reads enough for hours that
    were not read since they changed. ``sharers``: meter and customer → the accounts that have it, where there are
    several.
    """

    run: Run
    connection: psycopg.Connection
    open_gateway: Callable[[], StripeGateway]
    billed: Mapping[str, BilledHours]
    unread_hours: bool
    sharers: Mapping[tuple[str, str], Sequence[Account]] = field(default_factory=dict)
    reads: int = 0
    gateway: StripeGateway | None = None

    def compare(self, account: Account, days: DayRange) -> None:
        """Stripe first and our books after it: what is accepted in between lags instead of being too much.

        Raises ``StripeCallError``, ``MeterMissingError``, ``WrongBooksError`` and what ``open_gateway`` raises.
        """
        read_at = self.run.clock()
        shared = [each for each in account.customer_ids if (account.meter.event_name, each) in self.sharers]
        by_hour = days.count <= DAYS_BY_HOUR_MAX or account.meter.formula is Formula.LAST or bool(shared)
        by_hour = by_hour or any(self._whole_hours(account, each, days) for each in account.customer_ids)
        known = {} if by_hour else known_days(self.connection, account, days)
        by_hour = by_hour or (self.unread_hours and not any(known.values()))
        seen = {customer: self._read(account, customer, days, by_hour=by_hour) for customer in account.customer_ids}
        booked = booked_hours(self.connection, account, days)
        others: list[str] = []
        for customer in shared:
            seen[customer], found = self._share(account, customer, days, seen[customer], _of(customer, booked))
            others += found
        find = days_with_differing_hours if by_hour else differing_days
        differing = {customer: find(_of(customer, booked), seen[customer]) for customer in account.customer_ids}
        if not by_hour:
            for customer, found_days in differing.items():
                unknown = days_with_unknown_hours(seen[customer], known[customer], unread=self.unread_hours)
                differing[customer] = sorted({*found_days, *unknown})
            booked = self._look_closer(account, days, booked, seen, differing)
        now = self.run.clock()
        billed = self.billed[account.meter.event_name]
        rows = unmapped(_of(None, booked), now, billed)
        for customer in account.customer_ids:
            ours, theirs = _of(customer, booked), seen[customer]
            rows += side_by_side(customer, ours, theirs, differing[customer], now, billed)
        with self.connection.transaction():
            write_rows(self.connection, account, days, rows, read_at, self.run.run_id)
            for customer in account.customer_ids:
                by_hours = days.days() if by_hour else differing[customer]
                answer = Answer(customer, seen[customer], by_hours)
                keep_answer(self.connection, account, days, answer, read_at, self.run.run_id)
            keep_exceptions(self.connection, account, days, rows, others, self.run.clock())

    def look(self, account: Account, days: DayRange) -> None:
        """One sum of each customer over days in which we have no usage and have stated nothing.

        Where Stripe shows any, its days are compared like all others. Raises what ``compare`` does.
        """
        read_at = self.run.clock()
        by_hour = account.meter.formula is Formula.LAST  # the last hour of a day may be nothing, and those before not
        for customer in account.customer_ids:
            seen = self._read(account, customer, days, by_hour=by_hour)
            used = sorted(day for day, value in seen.days.items() if value)
            if used:
                span = DayRange(used[0], used[-1])
                self._know_sharers(account, customer, span)
                self.compare(account, span)
            quantity = sum(seen.days.values(), Decimal(0))
            keep_range(self.connection, account, days, quantity, read_at, self.run.run_id)

    def _know_sharers(self, account: Account, customer: str, days: DayRange) -> None:
        """Others had the customer in these days, which reach further back than the reconciliation: none is compared."""
        accounts = accounts_to_read(self.connection, days, (account.meter,))
        others = [each for each in accounts if each.tenant_id != account.tenant_id and customer in each.customer_ids]
        found = [each for each in others if each.meter == account.meter]
        if found:
            self.sharers = {**self.sharers, (account.meter.event_name, customer): found}

    def leave_unread(self, account: Account, days: DayRange, why: str) -> None:
        """Writes what our books say of an account that was not read, and why it was not."""
        booked = booked_hours(self.connection, account, days)
        billed = self.billed[account.meter.event_name]
        rows = unmapped(_of(None, booked), self.run.clock(), billed)
        rows += [row for customer in account.customer_ids for row in not_read(customer, _of(customer, booked), why)]
        with self.connection.transaction():
            write_rows(self.connection, account, days, rows, None, self.run.run_id)

    def _share(
        self, account: Account, customer: str, days: DayRange, seen: Seen, booked: Sequence[BookedHour]
    ) -> tuple[Seen, list[str]]:
        """This tenant's share of what Stripe shows of a customer, and the other tenants that have the customer."""
        tenants = {account.tenant_id: booked}
        sharers = self.sharers[account.meter.event_name, customer]
        for other in sharers:
            if other.tenant_id != account.tenant_id:
                theirs = booked_hours(self.connection, other, days)
                tenants[other.tenant_id] = _of(customer, theirs)
        nobodys = None if account in sharers else account.tenant_id
        mine = share_out(seen.hours, tenants, nobodys)[account.tenant_id]
        return Seen.by_hour(mine), [tenant_id for tenant_id in tenants if tenant_id != account.tenant_id]

    def _look_closer(
        self,
        account: Account,
        days: DayRange,
        booked: Sequence[BookedHour],
        seen: Mapping[str, Seen],
        differing: Mapping[str, Sequence[date]],
    ) -> list[BookedHour]:
        """Reads the differing days by the hour, and our side of these days again after it; the others stay."""
        if not any(differing.values()):
            return list(booked)
        for customer, found in differing.items():
            if found:
                span = DayRange(found[0], found[-1])
                seen[customer].take_hours(found, self._summaries(account, customer, span, Grouping.HOUR))

        def is_closer(each: BookedHour) -> bool:
            return day_of(each.hour) in differing.get(each.stripe_customer_id or "", ())

        again = booked_hours(self.connection, account, days)
        return [each for each in booked if not is_closer(each)] + [each for each in again if is_closer(each)]

    def _read(self, account: Account, customer: str, days: DayRange, *, by_hour: bool) -> Seen:
        if by_hour:
            return Seen.by_hour(self._summaries(account, customer, days, Grouping.HOUR))
        daily = self._summaries(account, customer, days, Grouping.DAY)
        return Seen({day_of(first_hour): value for first_hour, value in daily.items()})

    def _summaries(self, account: Account, customer: str, days: DayRange, grouping: Grouping) -> Mapping[Hour, Decimal]:
        if self.gateway is None:
            self.gateway = stripe_of_books(self.connection, self.open_gateway)
        asked = self.gateway, account.meter.event_name, customer, days.hours
        whole = self._whole_hours(account, customer, days) if grouping is Grouping.HOUR else {}
        if whole:
            summed = sums_by_hour(*asked, whole, self._count_read)
        else:
            summed = summed_usage(*asked, grouping, self._count_read)
        self.run.at_failpoint(Failpoint.READ_BACK)
        return summed

    def _whole_hours(self, account: Account, customer: str, days: DayRange) -> dict[Hour, datetime]:
        return whole_hours(self.connection, account.meter.event_name, customer, days.hours)

    def _count_read(self) -> None:
        """On record before it is made: a read that fails, or whose process dies, counts as well."""
        count_reads(self.connection, 1, ReadPurpose.RECONCILIATION, self.run.clock())
        self.reads += 1


def _of(customer_id: str | None, booked: Sequence[BookedHour]) -> list[BookedHour]:
    return [each for each in booked if each.stripe_customer_id == customer_id]


def keep_exceptions(
    connection: psycopg.Connection,
    account: Account,
    days: DayRange,
    rows: Sequence[Row],
    others: Sequence[str],
    now: datetime,
) -> None:
    """Opens and closes what reconciliation says of an account's hours; ``others`` had the customer as well.

    Call it in the transaction that writes the rows.
    """
    differing = [row for row in rows if row.hour is not None]
    for cause in FOR_A_PERSON:
        stay = [row.hour.start for row in differing if row.hour and _stays_open(row, cause)]
        connection.execute(
            statement("close_explained_hours"),
            {
                **span_of(days.hours),
                "kind": cause.value,
                "tenant_id": account.tenant_id,
                "event_name": account.meter.event_name,
                "differing": stay,
                "now": now,
            },
        )
    for row in differing:
        if row.cause in FOR_A_PERSON and row.hour is not None:
            key = ExceptionKey(row.cause.value, account.tenant_id, row.hour, account.meter.event_name)
            told = _not_ours(row, account) if row.cause is Cause.NOT_STATED_BY_US else _in_doubt(row, account, others)
            owed = -int(row.difference or 0) if row.cause is Cause.NOT_STATED_BY_US else None
            open_exception(connection, key, told, now, deadline_at=billing_deadline(row.hour), owed=owed)


def _stays_open(row: Row, cause: Cause) -> bool:
    """What was unexplained stays so while the hour differs for a reason that passes, until it agrees."""
    if cause is Cause.UNEXPLAINED:
        return row.cause not in {Cause.NOT_BILLED, Cause.NOT_STATED_BY_US}
    return row.cause is cause


def _not_ours(row: Row, account: Account) -> str:
    return (
        f"For customer {row.stripe_customer_id} Stripe shows {row.stripe} {account.meter.event_name} of this hour, and "
        f"we have stated nothing for it (our usage is {row.usage or 0}): somebody else did. Find out in Stripe who "
        "states usage for this customer, have it stopped, credit what was billed (docs/runbook.md, not_stated_by_us). "
        "This closes by itself when a later reconciliation finds nothing of it."
    )


def _in_doubt(row: Row, account: Account, others: Sequence[str]) -> str:
    difference = row.difference or Decimal(0)
    much = {True: "too much", False: "too little"}[difference > 0]
    off = f"{abs(difference)} {much}" if difference else "the usage, but not what Stripe had accepted"
    had = ", ".join(map(repr, others))
    shared = f"It was, or is, the customer of {had} as well: did both state this hour? " if others else ""
    return (
        f"Usage is {row.usage or 0} {account.meter.event_name}, the accepted statements come to {row.ledger or 0}, and "
        f"for customer {row.stripe_customer_id} Stripe shows {row.stripe}: {off}. {shared}Find out in Stripe who else "
        "states usage for this customer, or what became of our statement; docs/runbook.md, unexplained, says how the "
        "hour is sent again. This closes by itself when a later reconciliation finds the three equal."
    )
