"""Reconcile: compare usage and ledger with Stripe's own books: few days hour by hour, many day by day first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import psycopg

from fridge_pipeline.billing.open_stripe import (
    NEVER_STATED,
    ReadPurpose,
    billing_start,
    books_are_claimed,
    count_reads,
    reads_since,
    stripe_of_books,
)
from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.meter import Formula
from fridge_pipeline.database.exceptions import ExceptionKey, open_exception
from fridge_pipeline.database.failpoints import Failpoint
from fridge_pipeline.database.run import Run
from fridge_pipeline.reconciliation.reconciliation_record import (
    Account,
    accounts_to_read,
    booked_hours,
    close_explained_hours,
    write_rows,
)
from fridge_pipeline.reconciliation.rules.causes import BookedHour, Cause
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
from fridge_pipeline.reconciliation.stripe_answers import Answer, keep_answer, known_days
from fridge_pipeline.stripe.gateway import PAGE_SIZE, MeterMissingError, StripeCallError, StripeGateway
from fridge_pipeline.stripe.reads import Grouping, summed_usage
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH
from fridge_pipeline.stripe.rules.meter_event import billing_deadline

#: So many failed reads in a row mean that it is not about one customer.
FAILED_READS_MAX = 5

#: A read holds a hundred totals, so that so many days cost no more by the hour than by the day. By the hour nothing
#: cancels out: too much in one hour and as much too little in another are equal in their day.
DAYS_BY_HOUR_MAX = PAGE_SIZE // 24


@dataclass(slots=True)
class ReconciliationReport:
    """What a reconciliation came to: requests made, customers read, and why others were not (reason → how many).

    A customer counts once for each tenant and meter. ``stopped`` says why Stripe was given up, ``None`` when it was
    not.
    """

    reads: int = 0
    customers_read: int = 0
    customers_not_read: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None


def reconcile_days(
    run: Run,
    open_gateway: Callable[[], StripeGateway],
    days: DayRange,
    reads_max: int = READS_MAX,
    *,
    read_unclaimed: bool = False,
) -> ReconciliationReport:
    """Puts usage, ledger and Stripe side by side for every tenant, meter and customer of a range of days.

    One read per customer and meter: up to four days by the hour, longer ranges by the day, and again by the hour the
    days that differ, from our books or from what their hours were when these were read. Hours that were not read since
    they changed are read too, while half of the reads left are enough for all accounts; else they stay "not read". What
    Stripe answers is kept as it is. A customer that several tenants have in these days is read by the hour, and each
    hour is compared with one tenant's statements: one sum is never taken for two. No account is begun once
    ``reads_max`` reads were made within 30 days, and whoever was not read for the longest time comes first; the
    others are written as not read. Each account is committed by itself. Hours that cannot be explained become
    exceptions, and are closed when they agree again. Books of which nothing was ever stated are not read, except with
    ``read_unclaimed``: then Stripe may still have what somebody else stated. Raises ``WrongBooksError`` and what
    ``open_gateway`` raises.
    """
    with run.database.connect() as connection:
        left = reads_max - reads_since(connection, run.clock() - READS_MONTH)
        work = _Reconciliation(run, connection, open_gateway, days, left, billing_start(connection))
        if not (read_unclaimed or books_are_claimed(connection)):
            work.refrain = NEVER_STATED
        accounts = accounts_to_read(connection, days, run.catalogue)
        work.sharers = _sharers(accounts)
        by_hour = sum(len(account.customer_ids) for account in accounts) * -(-days.hours.count // PAGE_SIZE)
        work.reads_unread_hours = by_hour <= left // 2
        for account in accounts:
            work.reconcile(account)
    return work.report


@dataclass(slots=True)
class _Reconciliation:
    """One reconciliation under way; ``refrain`` says why Stripe is not to be read (any more).

    ``reads_unread_hours``: there are reads enough for hours that were not read since they changed.
    """

    run: Run
    connection: psycopg.Connection
    open_gateway: Callable[[], StripeGateway]
    days: DayRange
    reads_left: int
    billing_start: BillingStart
    report: ReconciliationReport = field(default_factory=ReconciliationReport)
    refrain: str | None = None
    reads_unread_hours: bool = False
    failed_in_a_row: int = 0
    sharers: Mapping[tuple[str, str], Sequence[Account]] = field(default_factory=dict)
    gateway: StripeGateway | None = None

    def reconcile(self, account: Account) -> None:
        """Reads one tenant and meter, and commits what comes of it."""
        why = self._why_not() if account.customer_ids else None
        if why is None:
            try:
                self._compare(account)
            except MeterMissingError as error:
                why = str(error)
            except StripeCallError as error:
                why = str(error)
                self._take_failure(error)
        if why is not None:
            self._leave_unread(account, why)

    def _why_not(self) -> str | None:
        if self.refrain is not None:
            return self.refrain
        return "the reads that Stripe allows in a month are used up" if self.reads_left <= 0 else None

    def _take_failure(self, error: StripeCallError) -> None:
        self.failed_in_a_row += 1
        if not error.reached or self.failed_in_a_row >= FAILED_READS_MAX:
            self.refrain = self.report.stopped = str(error)

    def _compare(self, account: Account) -> None:
        """Stripe first and our books after it: what is accepted in between lags instead of being too much."""
        read_at = self.run.clock()
        shared = [each for each in account.customer_ids if (account.meter.event_name, each) in self.sharers]
        by_hour = self.days.count <= DAYS_BY_HOUR_MAX or account.meter.formula is Formula.LAST or bool(shared)
        known = {} if by_hour else known_days(self.connection, account, self.days)
        by_hour = by_hour or (self.reads_unread_hours and not any(known.values()))
        seen = {customer: self._read(account, customer, by_hour=by_hour) for customer in account.customer_ids}
        booked = booked_hours(self.connection, account, self.days)
        others: list[str] = []
        for customer in shared:
            seen[customer], found = self._share(account, customer, seen[customer], _of(customer, booked))
            others += found
        find = days_with_differing_hours if by_hour else differing_days
        differing = {customer: find(_of(customer, booked), seen[customer]) for customer in account.customer_ids}
        if not by_hour:
            for customer, days in differing.items():
                unknown = days_with_unknown_hours(seen[customer], known[customer], unread=self.reads_unread_hours)
                differing[customer] = sorted({*days, *unknown})
            booked = self._look_closer(account, booked, seen, differing)
        now = self.run.clock()
        rows = unmapped(_of(None, booked), now, self.billing_start)
        for customer in account.customer_ids:
            ours, theirs = _of(customer, booked), seen[customer]
            rows += side_by_side(customer, ours, theirs, differing[customer], now, self.billing_start)
        self.failed_in_a_row = 0
        self.report.customers_read += len(account.customer_ids)
        answers = [
            Answer(customer, seen[customer], self.days.days() if by_hour else differing[customer])
            for customer in account.customer_ids
        ]
        self._keep(account, rows, answers, read_at, others)

    def _share(
        self, account: Account, customer: str, seen: Seen, booked: Sequence[BookedHour]
    ) -> tuple[Seen, list[str]]:
        """This tenant's share of what Stripe shows of a customer, and the other tenants that have the customer."""
        tenants = {account.tenant_id: booked}
        for other in self.sharers[account.meter.event_name, customer]:
            if other.tenant_id != account.tenant_id:
                theirs = booked_hours(self.connection, other, self.days)
                tenants[other.tenant_id] = _of(customer, theirs)
        mine = share_out(seen.hours, tenants)[account.tenant_id]
        return Seen.by_hour(mine), [tenant_id for tenant_id in tenants if tenant_id != account.tenant_id]

    def _look_closer(
        self,
        account: Account,
        booked: Sequence[BookedHour],
        seen: Mapping[str, Seen],
        differing: Mapping[str, Sequence[date]],
    ) -> list[BookedHour]:
        """Reads the differing days by the hour, and our side of these days again after it; the others stay."""
        if not any(differing.values()):
            return list(booked)
        for customer, days in differing.items():
            if days:
                span = DayRange(days[0], days[-1])
                seen[customer].take_hours(days, self._summaries(account, customer, span, Grouping.HOUR))

        def is_closer(each: BookedHour) -> bool:
            return day_of(each.hour) in differing.get(each.stripe_customer_id or "", ())

        again = booked_hours(self.connection, account, self.days)
        return [each for each in booked if not is_closer(each)] + [each for each in again if is_closer(each)]

    def _read(self, account: Account, customer: str, *, by_hour: bool) -> Seen:
        if by_hour:
            return Seen.by_hour(self._summaries(account, customer, self.days, Grouping.HOUR))
        daily = self._summaries(account, customer, self.days, Grouping.DAY)
        return Seen({day_of(first_hour): value for first_hour, value in daily.items()})

    def _summaries(self, account: Account, customer: str, days: DayRange, grouping: Grouping) -> Mapping[Hour, Decimal]:
        if self.gateway is None:
            self.gateway = stripe_of_books(self.connection, self.open_gateway)
        event_name = account.meter.event_name
        summed = summed_usage(self.gateway, event_name, customer, days.hours, grouping, self._count_read)
        self.run.at_failpoint(Failpoint.READ_BACK)
        return summed

    def _count_read(self) -> None:
        """On record before it is made: a read that fails, or whose process dies, counts as well."""
        count_reads(self.connection, 1, ReadPurpose.RECONCILIATION, self.run.clock())
        self.reads_left -= 1
        self.report.reads += 1

    def _leave_unread(self, account: Account, why: str) -> None:
        booked = booked_hours(self.connection, account, self.days)
        rows = unmapped(_of(None, booked), self.run.clock(), self.billing_start)
        rows += [row for customer in account.customer_ids for row in not_read(customer, _of(customer, booked), why)]
        with self.connection.transaction():
            write_rows(self.connection, account, self.days, rows, None, self.run.run_id)
        self.report.customers_not_read[why] += len(account.customer_ids)

    def _keep(
        self, account: Account, rows: Sequence[Row], answers: Sequence[Answer], read_at: datetime, others: Sequence[str]
    ) -> None:
        now = self.run.clock()
        differing = [row for row in rows if row.hour is not None]
        with self.connection.transaction():
            write_rows(self.connection, account, self.days, rows, read_at, self.run.run_id)
            for answer in answers:
                keep_answer(self.connection, account, self.days, answer, read_at, self.run.run_id)
            close_explained_hours(
                self.connection,
                account,
                self.days,
                [row.hour for row in differing if row.hour and row.cause is not Cause.NOT_BILLED],
                now,
            )
            for row in differing:
                if row.cause is Cause.UNEXPLAINED:
                    key = ExceptionKey("unexplained", account.tenant_id, row.hour, account.meter.event_name)
                    detail = _detail(row, account.meter.event_name, others)
                    deadline = billing_deadline(row.hour) if row.hour else None
                    open_exception(self.connection, key, detail, now, deadline_at=deadline)


def _of(customer_id: str | None, booked: Sequence[BookedHour]) -> list[BookedHour]:
    return [each for each in booked if each.stripe_customer_id == customer_id]


def _sharers(accounts: Sequence[Account]) -> dict[tuple[str, str], list[Account]]:
    """Meter and customer → the accounts that have it, where there are several."""
    found: dict[tuple[str, str], list[Account]] = {}
    for account in accounts:
        for customer in account.customer_ids:
            found.setdefault((account.meter.event_name, customer), []).append(account)
    return {key: several for key, several in found.items() if len(several) > 1}


def _detail(row: Row, event_name: str, others: Sequence[str]) -> str:
    difference = row.difference or Decimal(0)
    much = {True: "too much", False: "too little"}[difference > 0]
    off = f"{abs(difference)} {much}" if difference else "the usage, but not what Stripe had accepted"
    had = ", ".join(map(repr, others))
    shared = f"It was, or is, the customer of {had} as well: did both state this hour? " if others else ""
    return (
        f"Usage is {row.usage or 0} {event_name}, the accepted statements come to {row.ledger or 0}, and for customer "
        f"{row.stripe_customer_id} Stripe shows {row.stripe}: {off}. {shared}Find out in Stripe who else states usage "
        "for this customer, or what became of our statement; docs/runbook.md, unexplained, says how the hour is stated "
        "anew. This closes by itself when a later reconciliation finds the three equal."
    )
