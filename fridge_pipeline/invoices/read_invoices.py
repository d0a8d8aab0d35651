"""Read invoices: account-wide, by day of creation, as many as the reads of the month allow; each one kept as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time

import psycopg

from fridge_pipeline.billing.open_stripe import (
    NEVER_STATED,
    ReadPurpose,
    books_are_claimed,
    count_reads,
    reads_since,
    stripe_of_books,
)
from fridge_pipeline.calendar.days import ONE_DAY, DayRange
from fridge_pipeline.database.run import Failpoint, Run
from fridge_pipeline.invoices.compare_invoices import compared_since
from fridge_pipeline.invoices.find_losses import find_losses, find_lost_settlements
from fridge_pipeline.invoices.invoice_record import (
    Reading,
    add_invoice,
    content_hash,
    delete_invoice,
    drafts_of_day,
    keep_day,
    keep_items,
    keep_prices,
    known_invoices,
    known_items,
    known_prices,
)
from fridge_pipeline.invoices.our_side import billed_customers, invoiced_meters
from fridge_pipeline.stripe.gateway import MeterMissingError, StripeCallError, StripeGateway
from fridge_pipeline.stripe.invoice_reads import (
    created_invoices,
    one_price,
    prices_of_meter,
    subscription_items,
)
from fridge_pipeline.stripe.rules.correction import VOIDED_WITHIN
from fridge_pipeline.stripe.rules.invoice import Invoice, InvoiceStatus, Price
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH

#: Of the reads that a month has left, the reconciliation keeps the other half.
SHARE = 2

#: So many invoices are in memory at once; on the first of a month there may be one for every customer.
BATCH = 500

READS_USED_UP = "the reads that Stripe allows in a month are used up"


@dataclass(slots=True)
class InvoiceReadReport:
    """What a reading came to. ``not_read`` says why something was not read, ``None`` when all was.

    ``is_refused``: it was the key, which may not read them; billing goes on. ``days`` are those read to their end, with
    the number of all invoices created on them; ``invoices`` counts those with lines of our meters, ``changed`` those
    that are new or are not what they were. ``lost`` counts corrections, and documents that people have settled by, that
    Stripe had and has no more.
    """

    reads: int = 0
    invoices: int = 0
    changed: int = 0
    lost: int = 0
    days: Counter[date] = field(default_factory=Counter)
    not_read: str | None = None
    is_refused: bool = False


class ReadsUsedUpError(RuntimeError):
    """No read is left for invoices in these 30 days."""


def read_invoices(
    run: Run, open_gateway: Callable[[], StripeGateway], days: DayRange, reads_max: int = READS_MAX
) -> InvoiceReadReport:
    """Reads all invoices of the account that were created in these days, newest first, and who is subscribed.

    About a read per hundred invoices, one more per hundred lines of an invoice with more than ten, a read per hundred
    subscriptions, two per meter for its prices, one for each price that was made inline, one for invoices of the last
    95 days that are void by now, and one for each correction, or document settled by, that Stripe may still lose. What
    is the same as before makes no row. No read is begun once half of what is left of ``reads_max`` in 30 days is used.
    Raises ``WrongBooksError`` and what ``open_gateway`` raises; what Stripe refuses or does not answer stands in the
    report.
    """
    with run.database.connect() as connection:
        left = reads_max - reads_since(connection, run.clock() - READS_MONTH)
        work = _Reading(run, connection, left // SHARE)
        if not books_are_claimed(connection):
            work.report.not_read = NEVER_STATED
            return work.report
        try:
            work.read(stripe_of_books(connection, open_gateway), days)
        except ReadsUsedUpError as error:
            work.report.not_read = str(error)
        except StripeCallError as error:
            work.report.not_read = str(error)
            work.report.is_refused = error.is_key_refused
    return work.report


@dataclass(slots=True)
class _Reading:
    """One reading under way."""

    run: Run
    connection: psycopg.Connection
    reads_left: int
    report: InvoiceReadReport = field(default_factory=InvoiceReadReport)
    prices: dict[str, Price] = field(default_factory=dict)
    event_names: Sequence[str] = ()  # of our meters; others may have theirs in the same account

    def read(self, gateway: StripeGateway, days: DayRange) -> None:
        reading = Reading(self.run.clock(), self.run.run_id)
        self.event_names = invoiced_meters(self.connection, self.run.catalogue).event_names
        self.prices = known_prices(self.connection)
        self._read_prices(gateway, reading)
        subscribed = self._read_items(gateway, reading)
        since, until = _start(days.first), _start(days.last + ONE_DAY)
        ours = billed_customers(self.connection, compared_since(reading.read_at))
        self._read_days(created_invoices(gateway, since, until, ours, self._count_read), gateway, days, reading)
        void = created_invoices(gateway, since - VOIDED_WITHIN, since, ours, self._count_read, InvoiceStatus.VOID)
        self._keep(list(void), gateway, reading)
        for find in (find_losses, find_lost_settlements):
            lost, unsure = find(self.connection, gateway, subscribed, reading, self._count_read)
            self.report.lost += lost
            self.report.not_read = self.report.not_read or unsure

    def _read_prices(self, gateway: StripeGateway, reading: Reading) -> None:
        found: list[Price] = []
        for event_name in self.event_names:
            try:
                found += prices_of_meter(gateway, event_name, self._count_read)
            except MeterMissingError:
                continue  # billing says so; nobody can be invoiced for a meter that Stripe does not have
        with self.connection.transaction():
            keep_prices(self.connection, found, self.prices, reading)
        self.prices |= {price.price_id: price for price in found}

    def _read_items(self, gateway: StripeGateway, reading: Reading) -> dict[str, bool]:
        """Whose they are, and whether one goes on. An item that is no longer there ended at some time before."""
        read = list(subscription_items(gateway, self.event_names, self._count_read))
        for item in read:
            self._know(item.price_id, gateway, reading)
        known = known_items(self.connection)
        gone = known.keys() - {item.item_id for item in read}
        ended = [replace(known[each], ended_at=reading.read_at) for each in gone if known[each].ended_at is None]
        with self.connection.transaction():
            keep_items(self.connection, [*read, *ended], known, reading)
        going_on = {item.customer_id for item in read if item.goes_on}
        return {item.customer_id: item.customer_id in going_on for item in read}

    def _know(self, price_id: str, gateway: StripeGateway, reading: Reading) -> Price:
        """A price; one that was never read is read by itself, and remembered also when it is none of ours."""
        if price_id not in self.prices:
            price = one_price(gateway, price_id, self._count_read)
            with self.connection.transaction():
                keep_prices(self.connection, [price], self.prices, reading)
            self.prices[price_id] = price
        return self.prices[price_id]

    def _read_days(self, invoices: Iterator[Invoice], gateway: StripeGateway, days: DayRange, reading: Reading) -> None:
        """Day by day, the newest first: a day is read to its end when an older invoice comes, or none any more."""
        waiting = sorted(days.days(), reverse=True)
        batch: list[Invoice] = []
        seen: list[str] = []
        for invoice in invoices:
            if len(batch) == BATCH:
                self._keep(batch, gateway, reading)
                batch = []
            while invoice.created_at < _start(waiting[0]):
                self._keep(batch, gateway, reading)
                self._end_day(waiting.pop(0), seen, reading)
                batch, seen = [], []
            batch.append(invoice)
            seen.append(invoice.invoice_id)
        self._keep(batch, gateway, reading)
        for day in waiting:
            self._end_day(day, seen, reading)
            seen = []

    def _end_day(self, day: date, invoice_ids: Sequence[str], reading: Reading) -> None:
        """The day is on record as read, and drafts of it that Stripe shows no more as deleted."""
        with self.connection.transaction():
            for invoice_id in drafts_of_day(self.connection, _start(day), _start(day + ONE_DAY)) - set(invoice_ids):
                delete_invoice(self.connection, invoice_id, reading)
                self.report.changed += 1
            keep_day(self.connection, day, len(invoice_ids), reading)
        self.report.days[day] = len(invoice_ids)
        self.run.at_failpoint(Failpoint.READ_BACK)

    def _keep(self, invoices: Sequence[Invoice], gateway: StripeGateway, reading: Reading) -> None:
        """Those with a line of our meters, where they are not what they were."""
        ours = [each for each in invoices if self._is_ours(each, gateway, reading)]
        self.report.invoices += len(ours)
        known = known_invoices(self.connection, [each.invoice_id for each in ours])
        changed = [each for each in ours if known.get(each.invoice_id) != content_hash(each)]
        with self.connection.transaction():
            for invoice in changed:
                add_invoice(self.connection, invoice, reading)
        self.report.changed += len(changed)

    def _is_ours(self, invoice: Invoice, gateway: StripeGateway, reading: Reading) -> bool:
        found = [self._know(line.price_id, gateway, reading) for line in invoice.lines if line.price_id]
        return any(price.event_name in self.event_names for price in found)

    def _count_read(self) -> None:
        """On record before it is made: a read that fails, or whose process dies, counts as well."""
        if self.reads_left <= 0:
            raise ReadsUsedUpError(READS_USED_UP)
        count_reads(self.connection, 1, ReadPurpose.INVOICES, self.run.clock())
        self.reads_left -= 1
        self.report.reads += 1


def _start(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)
