"""Compare invoices: what was read last, and the ledger as it is now; reads nothing of Stripe."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import psycopg

from fridge_pipeline.calendar.days import ONE_DAY
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.exceptions import ExceptionKey, close_exception, open_exception, open_of_kind
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Run
from fridge_pipeline.invoice_causes import INVOICE_CAUSES
from fridge_pipeline.invoices.compared import KINDS
from fridge_pipeline.invoices.corrections_written import corrections_of
from fridge_pipeline.invoices.invoice_record import days_read, known_items, known_prices, recent_invoices
from fridge_pipeline.invoices.our_side import Asked, Customer, billed_customers, booked_periods
from fridge_pipeline.invoices.rules.billing_periods import BillingPeriod, Span, billing_periods
from fridge_pipeline.invoices.rules.compare_period import Comparison, compare_period
from fridge_pipeline.invoices.rules.corrected import Corrected, Place, corrected
from fridge_pipeline.invoices.rules.currency import money
from fridge_pipeline.invoices.rules.uncovered_usage import Uncovered, compare_uncovered, uncovered_times
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
    by itself.
    """
    report = ComparisonReport()
    now = run.clock()
    with run.database.connect() as connection:
        read = days_read(connection, now.astimezone(UTC).date())
        if not read:
            return report
        since = now - COMPARED_BACK
        known = known_prices(connection)
        ours = {meter.event_name for meter in run.catalogue}
        prices = {name: price for name, price in known.items() if price.event_name in ours}
        work = _Comparing(
            run, connection, since, now, prices, billed_customers(connection, since), _looked_at(read, now)
        )
        rows = connection.execute(statement("invoiced_customers"), {"since": since}).fetchall()
        customer_ids = [customer_id for (customer_id,) in rows]
        open_keys: set[ExceptionKey] = set()
        for first in range(0, len(customer_ids), BATCH):
            found, keys = work.compare(customer_ids[first : first + BATCH])
            report.rows += len(found)
            report.causes.update(row.cause for row in found)
            open_keys |= keys
        work.close_others(customer_ids, open_keys)
    return report


def _looked_at(read: Iterable[date], now: datetime) -> Span:
    """From the first day on since when every day was read; an invoice is never older than what it bills."""
    days = set(read)
    first = today = now.astimezone(UTC).date()
    while first - ONE_DAY in days:
        first -= ONE_DAY
    start = datetime.combine(first, time(0), UTC) if first in days or first != today else now
    return Span(max(start, now - COMPARED_BACK), now)


@dataclass(frozen=True, slots=True)
class _Comparing:
    """One comparison under way."""

    run: Run
    connection: psycopg.Connection
    since: datetime
    now: datetime
    prices: Mapping[str, Price]
    customers: Mapping[str, Customer]
    looked_at: Span

    def compare(self, customer_ids: Sequence[str]) -> tuple[list[Comparison], set[ExceptionKey]]:
        """Compares and writes what some customers come to, and says which exceptions that makes."""
        with self.connection.transaction():
            self.connection.execute(statement("lock_comparisons"))
            invoices = recent_invoices(self.connection, customer_ids, self.since)
            items = known_items(self.connection, customer_ids)
            periods = billing_periods(invoices, self.prices)
            found = self._of_invoices(periods, items) + self._of_none(customer_ids, periods, items)
            before = self._compared_before(customer_ids)
            self._write(customer_ids, [each.invoice_id for each in invoices], found)
            return found, self._except(self._uncorrected(customer_ids, found), items, before)

    def _of_invoices(self, periods: Sequence[BillingPeriod], items: Mapping[str, SubscriptionItem]) -> list[Comparison]:
        asked = [
            Asked(each.customer_id, each.event_name, each.spans, each.newest.invoice.finalized_at) for each in periods
        ]
        booked = booked_periods(self.connection, asked, self.customers, self.run.catalogue)
        return [
            row
            for period, ours in zip(periods, booked, strict=True)
            for row in compare_period(period, ours, self.prices, items)
        ]

    def _of_none(
        self, customer_ids: Sequence[str], periods: Sequence[BillingPeriod], items: Mapping[str, SubscriptionItem]
    ) -> list[Comparison]:
        """Usage that no invoice carries, of all meters that usage was stated of."""
        covered: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for period in periods:
            covered[period.customer_id, period.event_name].append(period.span)
        priced = {price.event_name for price in self.prices.values()}
        times: list[Uncovered] = []
        catalogue = [meter.event_name for meter in self.run.catalogue]
        for customer_id in (each for each in customer_ids if each in self.customers):
            for event_name in (each for each in catalogue if each in self.customers[customer_id].event_names):
                account = (customer_id, event_name)
                of_account = self._items_of(account, items)
                times += uncovered_times(
                    account, covered[account], of_account, self.looked_at, is_priced=event_name in priced
                )
        asked = [Asked(each.customer_id, each.event_name, [each.span]) for each in times]
        booked = booked_periods(self.connection, asked, self.customers, self.run.catalogue)
        compared = (
            compare_uncovered(each, ours, self._price_of(each, items)) for each, ours in zip(times, booked, strict=True)
        )
        return [row for row in compared if row is not None]

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
        """The price of the customer's own item, else the meter's where it has only one."""
        own = {item.price_id for item in self._items_of((time.customer_id, time.event_name), items)}
        every = {name for name, price in self.prices.items() if price.event_name == time.event_name}
        wanted = own or every
        return self.prices[wanted.pop()] if len(wanted) == 1 else None

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

    def _compared_before(self, customer_ids: Sequence[str]) -> set[tuple[object, ...]]:
        parameters = {"customer_ids": list(customer_ids)}
        return set(self.connection.execute(statement("compared_before"), parameters).fetchall())

    def _uncorrected(
        self, customer_ids: Sequence[str], rows: Sequence[Comparison]
    ) -> list[tuple[Comparison, Corrected]]:
        """What somebody must still correct: what differs beside the corrections that Stripe has."""
        written = corrections_of(self.connection, customer_ids)
        places = [Place(row.customer_id, row.event_name, row.invoice_id, row.span) for row in rows]
        return [
            (row, done)
            for row, done in zip(rows, corrected(places, written), strict=True)
            if done.rest(row.unsettled)
            and (done.corrections or (row.cause is not None and INVOICE_CAUSES[row.cause].needs_correction))
        ]

    def _except(
        self,
        rows: Sequence[tuple[Comparison, Corrected]],
        items: Mapping[str, SubscriptionItem],
        before: Collection[tuple[object, ...]],
    ) -> set[ExceptionKey]:
        """Opens what somebody must correct, or brings it up to date.

        What differs just as it did before, and is no longer open, a person has ended: it stays ended until it changes.
        """
        found: dict[ExceptionKey, list[tuple[Comparison, Corrected]]] = defaultdict(list)
        for row, done in rows:
            found[self._key(row, done)].append((row, done))
        is_open = {key for kind in KINDS for key in open_of_kind(self.connection, kind)}
        for key, same in found.items():
            if key not in is_open and all(_identity(row) in before for row, _ in same):
                continue
            detail = "; ".join(_detail(row, done) for row, done in same)
            open_exception(self.connection, key, detail, self.now, deadline_at=self._deadline(same[0][0], items))
        return set(found)

    def close_others(self, customer_ids: Sequence[str], open_keys: Collection[ExceptionKey]) -> None:
        """Closes what nobody needs to correct any more, of these customers and of periods that were compared."""
        compared = {
            self._whose(customer_id, meter.event_name) for customer_id in customer_ids for meter in self.run.catalogue
        }
        with self.connection.transaction():
            for kind in KINDS:
                for key in open_of_kind(self.connection, kind):
                    is_compared = key.hour is not None and key.hour.start >= self.since
                    if is_compared and (key.tenant_id, key.subject) in compared and key not in open_keys:
                        close_exception(self.connection, key, self.now)

    def _whose(self, customer_id: str, event_name: str) -> tuple[str | None, str]:
        """Tenant and subject of an exception; of a customer that is no tenant's, the subject says which."""
        tenant_id = self._tenant(customer_id)
        return tenant_id, event_name if tenant_id is not None else f"{event_name} {customer_id}"

    def _key(self, row: Comparison, done: Corrected) -> ExceptionKey:
        tenant_id, subject = self._whose(row.customer_id, row.event_name)
        hour = Hour.containing(row.span.start)
        if done.rest(row.unsettled) < 0:
            return ExceptionKey("not_invoiced", tenant_id, hour, subject)
        return ExceptionKey("invoiced_too_much", tenant_id, hour, subject)

    def _deadline(self, row: Comparison, items: Mapping[str, SubscriptionItem]) -> datetime | None:
        """Until when an invoice item still goes onto the customer's next invoice."""
        own = self._items_of((row.customer_id, row.event_name), items)
        return min((item.period_end for item in own if item.ended_at is None), default=None)


def _identity(row: Comparison) -> tuple[object, ...]:
    """As ``compared_before`` has it."""
    period = (row.event_name, row.span.start, row.span.end if row.invoice_id else None)
    differs = (row.difference, row.settled, row.cause.value if row.cause else None)
    return (row.invoice_id, row.customer_id, *period, *differs)


def _detail(row: Comparison, done: Corrected) -> str:
    """The difference in words, with the money where a price is known."""
    where = f"invoice {row.invoice_id}" if row.invoice_id else "no invoice"
    rest = done.rest(row.unsettled)
    much = "too little" if rest < 0 else "too much"
    owed = (row.amount if row.difference else 0) or 0
    settled = f", settled {row.settled:f}" if row.settled else ""
    amount = f", {money(abs(owed - done.amount), row.currency)}" if row.amount and row.currency else ""
    why = ""
    if row.cause is not None:
        words = INVOICE_CAUSES[row.cause]
        why = f". {words.words}: {words.do}"
    return (
        f"{row.event_name} of customer {row.customer_id}, {row.span.start:%Y-%m-%d %H:%M} to "
        f"{row.span.end:%Y-%m-%d %H:%M} UTC, {where}: invoiced {row.invoiced:f}, usage {row.usage:f}, accepted "
        f"{row.accepted:f}{settled}{done.in_words()}: {abs(rest):f} {much}{amount}{why}"
    )
