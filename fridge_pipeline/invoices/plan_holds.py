"""Plan holds: which drafts bill our meters, what of their periods is not delivered yet, and what is to be done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import psycopg

from fridge_pipeline.billing.meters_at_stripe import sums_by_hour, whole_hours
from fridge_pipeline.billing.open_stripe import (
    NEVER_STATED,
    ReadPurpose,
    books_are_claimed,
    count_reads,
    reads_since,
    stripe_of_books,
)
from fridge_pipeline.calendar.hours import ONE_HOUR, Hour, HourRange
from fridge_pipeline.catalogue.meter import Formula, Meter
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.run import Run
from fridge_pipeline.ingest.landing.landing_errors import LandingError
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.watch import find_landing_news
from fridge_pipeline.invoices.compare_invoices import COMPARED_BACK
from fridge_pipeline.invoices.invoice_record import days_last_read, days_with_drafts, known_prices, recent_invoices
from fridge_pipeline.invoices.our_side import Asked, Customer, billed_customers, booked_periods, invoiced_meters
from fridge_pipeline.invoices.read_invoices import READS_USED_UP
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.hold_draft import SETTLED_AFTER
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.invoice_reads import drafts
from fridge_pipeline.stripe.reads import Grouping, summed_usage
from fridge_pipeline.stripe.rules.invoice import THRESHOLD, Draft, Invoice, Price
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH

MIDNIGHT = time(0)

#: A draft that its day's last reading has left out bills no meter of ours; that Stripe's clock and ours differ by so
#: much is no reason to think so.
CLOCKS_APART, NEVER = timedelta(minutes=5), datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MeteredDraft:
    """A draft in the books with lines of our meters: their periods, and what of them is not delivered yet.

    ``waits_for`` is ``None`` when the ledger has everything and Stripe has had an hour to count it; ``hours`` are those
    that the ledger has not. ``finalizes_at`` is as it was read last, ``by_itself`` as it was read first: before a hold.
    """

    invoice_id: str
    created_at: datetime
    periods: tuple[Asked, ...]
    waits_for: str | None
    hours: int
    finalizes_at: datetime | None
    by_itself: datetime | None

    @property
    def end(self) -> datetime:
        """The end of its last period."""
        return max(span.end for each in self.periods for span in each.spans)


def unloaded_hours(database: Database, zone: LandingZone, grid: HourRange) -> frozenset[Hour]:
    """The hours with landing files that are not loaded yet; every hour where the landing zone cannot be listed."""
    try:
        with database.connect() as connection:
            return frozenset(find_landing_news(connection, zone, grid).pending)
    except LandingError:
        return frozenset(grid.hours())


def metered_drafts(
    connection: psycopg.Connection, catalogue: Sequence[Meter], unloaded: Collection[Hour], now: datetime
) -> list[MeteredDraft]:
    """The drafts of our tenants' customers whose metered periods are over, as the books know them; calls nobody.

    ``unloaded`` are hours with files that are not loaded yet: whose they are nobody knows, so all wait for them. A
    threshold's invoice is final at once, and what an invoice item bills does not change any more: neither is here. Of a
    meter that the catalogue has no more they wait as well: it may come back, and then its late usage is stated.
    """
    rows = connection.execute(statement("draft_customers")).fetchall()
    customers = billed_customers(connection, now - COMPARED_BACK)
    meters = invoiced_meters(connection, catalogue)
    prices = meters.prices(known_prices(connection))
    invoices = recent_invoices(connection, [each for (each,) in rows if each in customers], now - COMPARED_BACK)
    found = {
        invoice: periods
        for invoice in invoices
        if invoice.is_draft and invoice.billing_reason != THRESHOLD and (periods := _periods(invoice, prices, now))
    }
    waits = _waits(connection, list(found.values()), customers, meters.all, (unloaded, now))
    first_read = {"invoice_ids": [invoice.invoice_id for invoice in found]}
    rows = connection.execute(statement("times_of_drafts_read_first"), first_read).fetchall()
    by_itself: dict[str, datetime | None] = dict(rows)
    return [
        MeteredDraft(
            invoice.invoice_id,
            invoice.created_at,
            periods,
            wait,
            hours,
            invoice.finalizes_at,
            by_itself[invoice.invoice_id],
        )
        for (invoice, periods), (hours, wait) in zip(found.items(), waits, strict=True)
    ]


def _periods(invoice: Invoice, prices: Mapping[str, Price], now: datetime) -> tuple[Asked, ...]:
    spans: dict[str, set[Span]] = {}
    for line in invoice.lines:
        price = prices.get(line.price_id or "")
        if price is not None and price.event_name and not line.is_invoice_item and line.period_end <= now:
            spans.setdefault(price.event_name, set()).add(Span(line.period_start, line.period_end))
    return tuple(Asked(invoice.customer_id, name, sorted(several)) for name, several in sorted(spans.items()))


def _waits(
    connection: psycopg.Connection,
    drafts: Sequence[Iterable[Asked]],
    customers: Mapping[str, Customer],
    meters: Sequence[Meter],
    moment: tuple[Collection[Hour], datetime],
) -> list[tuple[int, str | None]]:
    """Of each draft, how many hours the ledger has not, and what it waits for by the ledger alone."""
    unloaded, now = moment
    measures = {meter.event_name: meter.measure.name for meter in meters}
    pieces = [
        (number, tenant_id, each.event_name, span)
        for number, periods in enumerate(drafts)
        for each in periods
        for tenant_id in customers[each.customer_id].tenant_ids
        for span in each.spans
    ]
    parameters = {
        "numbers": list(range(len(pieces))),
        "tenant_ids": [tenant_id for _, tenant_id, _, _ in pieces],
        "event_names": [event_name for _, _, event_name, _ in pieces],
        "measures": [measures[event_name] for _, _, event_name, _ in pieces],
        "starts": [span.start for *_, span in pieces],
        "ends": [span.end for *_, span in pieces],
        "unloaded": [hour.start for hour in unloaded],
    }
    hours = [0] * len(drafts)
    settled = [max(span.end for each in periods for span in each.spans) for periods in drafts]
    for piece, waiting, last_at in connection.execute(statement("waiting_usage"), parameters).fetchall():
        number = pieces[piece][0]
        hours[number] = max(hours[number], waiting)
        settled[number] = max(settled[number], last_at or settled[number])
    return [(waiting, _wait(waiting, last, now)) for waiting, last in zip(hours, settled, strict=True)]


def _wait(hours: int, last: datetime, now: datetime) -> str | None:
    if hours:
        return f"{hours} {'hour' if hours == 1 else 'hours'} of usage that Stripe has not accepted yet"
    if now < last + SETTLED_AFTER:
        return f"an hour to pass since {last:%Y-%m-%d %H:%M} UTC, so that Stripe has counted everything"
    return None


def differing_sum(
    connection: psycopg.Connection,
    gateway: StripeGateway,
    draft: MeteredDraft,
    catalogue: Sequence[Meter],
    count_read: Callable[[], None],
) -> str | None:
    """In what Stripe's own sums of a draft's periods are not what it has accepted; ``None`` when they agree.

    A read for each meter and period of whole days, else one for every hundred hours. A period that cuts an hour has no
    sum that could be read. Raises ``StripeCallError``, ``MeterMissingError`` and what ``count_read`` raises.
    """
    since = min(span.start for each in draft.periods for span in each.spans)
    customers = billed_customers(connection, since - timedelta(days=1))
    meters = invoiced_meters(connection, catalogue)
    formulas = {meter.event_name: meter.formula for meter in meters.all}
    wanted = [Asked(each.customer_id, each.event_name, [span]) for each in draft.periods for span in each.spans]
    booked = booked_periods(connection, wanted, customers, meters)
    for each, ours in zip(wanted, booked, strict=True):
        (span,) = each.spans
        if _cuts_an_hour(span):
            return f"a sum of {each.event_name} that Stripe can show: its period cuts an hour"
        hours = HourRange(Hour(span.start), Hour(span.end - ONE_HOUR))
        grouping = Grouping.DAY if _whole_days(span) else Grouping.HOUR
        account = each.event_name, each.customer_id
        whole = whole_hours(connection, *account, hours)
        if whole:  # of which one meter's is on no price: a day's sum would hold it
            sums = sums_by_hour(gateway, *account, hours, whole, count_read)
        else:
            sums = summed_usage(gateway, *account, hours, grouping, count_read)
        shown = _total(sums, formulas[each.event_name])
        if shown != ours.accepted:
            return f"Stripe's sum of {each.event_name}, {shown:f}, to be the accepted {ours.accepted}"
    return None


def _total(sums: Mapping[Hour, Decimal], formula: Formula) -> Decimal:
    """Of a meter that goes by the last event: the last time that has any."""
    if formula is Formula.SUM:
        return sum(sums.values(), Decimal(0))
    counted = [hour for hour, value in sums.items() if value]
    return sums[max(counted)] if counted else Decimal(0)


def _cuts_an_hour(span: Span) -> bool:
    return any(Hour.containing(each).start != each for each in (span.start, span.end))


def _whole_days(span: Span) -> bool:
    return all(each.astimezone(UTC).time() == MIDNIGHT for each in (span.start, span.end))


@dataclass(frozen=True, slots=True)
class DraftsFound:
    """The drafts that there are, by id, the days of creation to be read for them, and why there is no answer, if so.

    ``digest`` is another one whenever the drafts that differ are others.
    """

    drafts: Mapping[str, Draft] = field(default_factory=dict)
    changed: frozenset[date] = frozenset()
    digest: str = ""
    not_read: str | None = None


def find_drafts(run: Run, open_gateway: Callable[[], StripeGateway], reads_max: int = READS_MAX) -> DraftsFound:
    """Lists all drafts of the account. Raises ``WrongBooksError`` and what ``open_gateway`` raises."""
    with run.database.connect() as connection:
        now = run.clock()
        if not books_are_claimed(connection):
            return DraftsFound(not_read=NEVER_STATED)
        if reads_since(connection, now - READS_MONTH) >= reads_max:
            return DraftsFound(not_read=READS_USED_UP)
        try:
            found = drafts(
                stripe_of_books(connection, open_gateway), lambda: count_reads(connection, 1, ReadPurpose.INVOICES, now)
            )
        except StripeCallError as error:
            return DraftsFound(not_read=str(error))
        known = {each: day for day, several in days_with_drafts(connection).items() for each in several}
        created = {each: found[each].created_at for each in found.keys() - known.keys()}
        days = {each: moment.astimezone(UTC).date() for each, moment in created.items()}
        read = days_last_read(connection, days.values())
    new = {f"new:{each}": day for each, day in days.items() if not read.get(day, NEVER) > created[each] + CLOCKS_APART}
    gone = {f"gone:{each}": known[each] for each in known.keys() - found.keys()}
    changed = new | gone
    digest = hashlib.sha256("\n".join(sorted(changed)).encode()).hexdigest()[:16]
    return DraftsFound(found, frozenset(changed.values()), digest)
