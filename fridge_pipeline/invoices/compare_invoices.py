"""Compare invoices: what was read last, and the ledger as it is now; reads nothing of Stripe."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import psycopg

from fridge_pipeline.calendar.days import ONE_DAY, Month
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Failpoint, Run
from fridge_pipeline.invoices.invoice_record import (
    corrections_of,
    days_read,
    known_items,
    known_prices,
    recent_invoices,
)
from fridge_pipeline.invoices.item_history import with_history
from fridge_pipeline.invoices.our_side import (
    Asked,
    Customer,
    InvoicedMeters,
    billed_customers,
    booked_periods,
    invoiced_meters,
)
from fridge_pipeline.invoices.rules.billing_periods import (
    NOTHING,
    BillingPeriod,
    Span,
    billing_periods,
    without,
)
from fridge_pipeline.invoices.rules.compare_period import Booked, Comparison, compare_period
from fridge_pipeline.invoices.rules.corrected import Correction, Place, corrected
from fridge_pipeline.invoices.rules.found_elsewhere import billed_with_the_next, hours_found_again
from fridge_pipeline.invoices.rules.owed_once import Side, owed_once
from fridge_pipeline.invoices.rules.uncovered_usage import (
    Subscribed,
    Uncovered,
    compare_uncovered,
    uncovered_times,
)
from fridge_pipeline.invoices.tell_differences import tell_differences
from fridge_pipeline.stripe.rules.invoice import Price, SubscriptionItem

#: How far back is compared: a month's invoice, and the 35 days in which Stripe takes usage of its hours.
COMPARED_BACK = timedelta(days=70)

#: So many customers are in memory at once.
BATCH = 500


@dataclass(slots=True)
class ComparisonReport:
    """What a comparison came to: rows, and of them how many have each cause; ``None`` counts those that agree."""

    rows: int = 0
    causes: Counter[str | None] = field(default_factory=Counter)


def compare_invoices(run: Run) -> ComparisonReport:
    """Puts invoices and usage side by side, of all periods whose usage may still change or whose invoice has changed.

    Usage that no invoice carries is looked for from the first day on since when every day's invoices were read. What
    must be invoiced or credited by hand is an exception, with its quantity, its price where one is known, and until
    when the next invoice can still take it; it is closed when it is no longer so. Each batch of customers is committed
    by itself, and then everything is told at once.
    """
    report = ComparisonReport()
    now = run.clock()
    with run.database.connect() as connection:
        read = days_read(connection, now.astimezone(UTC).date())
        if not read:
            return report
        since = compared_since(now)
        meters = invoiced_meters(connection, run.catalogue)
        prices = meters.prices(known_prices(connection))
        customers = billed_customers(connection, since)
        work = _Comparing(connection, since, now, meters, prices, customers, _looked_at(read, now))
        rows = connection.execute(statement("invoiced_customers"), {"since": since}).fetchall()
        customer_ids = [customer_id for (customer_id,) in rows]
        for first in range(0, len(customer_ids), BATCH):
            found = work.compare(customer_ids[first : first + BATCH])
            report.rows += len(found)
            report.causes.update(row.cause for row in found)
        run.at_failpoint(Failpoint.READ_BACK_WRITTEN)
        with connection.transaction():
            tell_differences(connection, meters, now)
    return report


def compared_since(now: datetime) -> datetime:
    """Whole months are compared, so that a time on no invoice has the same beginning whenever it is looked at."""
    return Month.containing(now - COMPARED_BACK).start


def _looked_at(read: Iterable[date], now: datetime) -> Span:
    """From the first day on since when every day was read; an invoice is never older than what it bills."""
    days = set(read)
    first = today = now.astimezone(UTC).date()
    while first - ONE_DAY in days:
        first -= ONE_DAY
    start = datetime.combine(first, time(0), UTC) if first in days or first != today else now
    return Span(max(start, compared_since(now)), now)


@dataclass(frozen=True, slots=True)
class _Comparing:
    """One comparison under way."""

    connection: psycopg.Connection
    since: datetime
    now: datetime
    meters: InvoicedMeters
    prices: Mapping[str, Price]
    customers: Mapping[str, Customer]
    looked_at: Span

    def compare(self, customer_ids: Sequence[str]) -> list[Comparison]:
        """Compares and writes what some customers come to."""
        with self.connection.transaction():
            self.connection.execute(statement("lock_comparisons"))
            invoices = recent_invoices(self.connection, customer_ids, self.since)
            items = with_history(self.connection, known_items(self.connection, customer_ids), self.since)
            periods = billing_periods(invoices, self.prices)
            written = corrections_of(self.connection, customer_ids)
            times = self._on_no_invoice(customer_ids, periods, items)
            booked = self._booked(periods, times, items, written)
            rows = [row for same in self._of_invoices(periods, booked, items) for row in same]
            rows += [
                compare_uncovered(each, ours, self._price_of(each, items), is_period=self._is_period(each, items))
                for each, ours in zip(times, booked[len(periods) :], strict=True)
                if ours.accepted or any(each.place.overlaps(correction.place) for correction in written)
            ]
            found = self._with_causes(written, periods, rows)
            self._write(customer_ids, [each.invoice_id for each in invoices], found)
        return found

    def _of_invoices(
        self, periods: Sequence[BillingPeriod], booked: Sequence[Booked], items: Mapping[str, SubscriptionItem]
    ) -> list[list[Comparison]]:
        return [
            compare_period(each, ours, self.prices, items, self.now)
            for each, ours in zip(periods, booked[: len(periods)], strict=True)
        ]

    def _booked(
        self,
        periods: Sequence[BillingPeriod],
        times: Sequence[Uncovered],
        items: Mapping[str, SubscriptionItem],
        written: Sequence[Correction],
    ) -> list[Booked]:
        """Our side of what invoices bill, and then of what none does: each hour once over all names of a meter."""
        asked = [
            *(
                Asked(each.customer_id, each.event_name, each.spans, each.newest.invoice.finalized_at)
                for each in periods
            ),
            *(Asked(each.customer_id, each.event_name, [each.span]) for each in times),
        ]
        booked = booked_periods(self.connection, asked, self.customers, self.meters, periods)
        if not any(each.given for each in booked):
            return booked
        rows = self._of_invoices(periods, booked, items)
        bills = [{row.invoice_id: row.invoiced for row in same} for same in rows] + [{None: NOTHING} for _ in times]
        spans = [*(each.span for each in periods), *(each.span for each in times)]
        places = [
            Place(each.customer_id, each.event_name, invoice_id, span)
            for each, span, shares in zip(asked, spans, bills, strict=True)
            for invoice_id in shares
        ]
        done = iter(corrected(places, written))
        measures = {meter.event_name: meter.measure.name for meter in self.meters.all}
        return owed_once(
            [
                Side(
                    customer_id=each.customer_id,
                    measure=measures[each.event_name],
                    event_name=each.event_name,
                    span=span,
                    booked=ours,
                    invoiced=sum(shares.values(), NOTHING),
                    corrected=sum((next(done).quantity for _ in shares), NOTHING),
                )
                for each, span, shares, ours in zip(asked, spans, bills, booked, strict=True)
            ]
        )

    def _with_causes(
        self, written: Sequence[Correction], periods: Sequence[BillingPeriod], rows: Sequence[Comparison]
    ) -> list[Comparison]:
        """The rows, where what one lacks another has. What was corrected is not looked for elsewhere."""
        drafts = {part.invoice.invoice_id for period in periods for part in period.parts if part.invoice.is_draft}
        corrected = [each.place for each in written]
        return billed_with_the_next(hours_found_again(rows, drafts), drafts, corrected)

    def _on_no_invoice(
        self, customer_ids: Sequence[str], periods: Sequence[BillingPeriod], items: Mapping[str, SubscriptionItem]
    ) -> list[Uncovered]:
        """The times that no invoice carries, of all meters that usage was stated of.

        What was found before is looked at again, also when days could not be read since.
        """
        covered: dict[tuple[str, str], list[Span]] = defaultdict(list)
        drafts: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for period in periods:
            covered[period.customer_id, period.event_name].append(period.span)
            if period.newest.invoice.is_draft:
                drafts[period.customer_id, period.event_name].append(period.span)
        parameters = {"customer_ids": list(customer_ids), "since": self.since}
        found: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for found_of, event_name, start, end in self.connection.execute(statement("times_on_no_invoice"), parameters):
            found[found_of, event_name].append(Span(start, end))
        priced = {price.event_name for price in self.prices.values()}
        times: list[Uncovered] = []
        for customer_id in (each for each in customer_ids if each in self.customers):
            stated = self.customers[customer_id].event_names
            for event_name in (each for each in self.meters.event_names if each in stated):
                account = (customer_id, event_name)
                had = Subscribed(self._items_of(account, items), drafts[account], is_priced=event_name in priced)
                looked_at = [*without(found[account], [self.looked_at]), self.looked_at]
                times += uncovered_times(account, covered[account], had, looked_at)
        return times

    def _items_of(self, account: tuple[str, str], items: Mapping[str, SubscriptionItem]) -> list[SubscriptionItem]:
        customer_id, event_name = account
        return [
            item
            for item in items.values()
            if item.customer_id == customer_id
            and item.price_id in self.prices
            and self.prices[item.price_id].event_name == event_name
        ]

    def _price_of(self, time: Uncovered, items: Mapping[str, SubscriptionItem]) -> Price | None:
        """The price of the customer's own item, if it never had another, else the meter's where it has only one.

        Of a price in several currencies we know the amounts of its own.
        """
        items_of = self._items_of((time.customer_id, time.event_name), items)
        own = {name for item in items_of for name in {item.price_id, *item.other_prices}}
        wanted = own or {name for name, price in self.prices.items() if price.event_name == time.event_name}
        price = self.prices.get(wanted.pop()) if len(wanted) == 1 else None
        return price if price and {item.currency or price.currency for item in items_of} <= {price.currency} else None

    def _is_period(self, time: Uncovered, items: Mapping[str, SubscriptionItem]) -> bool:
        """Whether it is a billing period and no part of one, nor several."""
        own = self._items_of((time.customer_id, time.event_name), items)
        return any((time.span.start, time.span.end) in item.periods for item in own)

    def _write(self, customer_ids: Sequence[str], invoice_ids: Sequence[str], rows: Sequence[Comparison]) -> None:
        self.connection.execute(
            statement("remove_comparisons"),
            {"invoice_ids": list(invoice_ids), "customer_ids": list(customer_ids), "since": self.since},
        )
        with self.connection.cursor() as cursor:
            cursor.executemany(
                statement("add_comparison"),
                [
                    {
                        "invoice_id": row.invoice_id,
                        "tenant_id": self._tenant(row.customer_id),
                        "customer_id": row.customer_id,
                        "event_name": row.event_name,
                        "period_start": row.span.start,
                        "period_end": row.span.end,
                        "usage": row.usage,
                        "accepted": row.accepted,
                        "stripe": row.stripe,
                        "invoiced": row.invoiced,
                        "difference": row.difference,
                        "settled": row.settled,
                        "cause": row.cause.value if row.cause else None,
                        "amount": row.amount,
                        "currency": row.currency,
                        "price_id": row.price_id,
                        "compared_at": self.now,
                    }
                    for row in rows
                ],
            )

    def _tenant(self, customer_id: str) -> str | None:
        """Whose customer it is now, or was last."""
        known = self.customers.get(customer_id)
        return known.tenant_ids[-1] if known else None
