"""Preview: what Stripe would put on the next invoices by now, beside usage; asks Stripe, writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import psycopg

from fridge_pipeline.billing.open_stripe import (
    NEVER_STATED,
    ReadPurpose,
    books_are_claimed,
    count_reads,
    reads_since,
    stripe_of_books,
)
from fridge_pipeline.database.run import Run
from fridge_pipeline.invoices.invoice_record import known_items, known_prices, recent_invoices
from fridge_pipeline.invoices.our_side import Asked, Customer, billed_customers, booked_periods, invoiced_meters
from fridge_pipeline.invoices.read_invoices import READS_USED_UP, ReadsUsedUpError
from fridge_pipeline.invoices.rules.billing_periods import billing_periods, carried
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.invoice_reads import preview_invoice
from fridge_pipeline.stripe.rules.invoice import THRESHOLD
from fridge_pipeline.stripe.rules.limits import READS_MAX, READS_MONTH


@dataclass(frozen=True, slots=True)
class PreviewedPeriod:
    """A meter's open billing period: what the next invoice would bill by now, and what was used and accepted.

    Without what a threshold's invoice has of the same period.
    Stripe's previews lag behind its meter events. ``amount`` is in minor units. ``is_whole`` is false where the preview
    has more lines than it shows.
    """

    tenant_id: str | None
    customer_id: str
    subscription_id: str
    event_name: str
    period_start: datetime
    period_end: datetime
    quantity: Decimal
    usage: int
    accepted: int
    amount: int
    currency: str
    is_whole: bool


@dataclass(slots=True)
class PreviewReport:
    """The periods, in order; ``not_read`` says of a subscription, or of all that follow, why there is none."""

    periods: list[PreviewedPeriod] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)


def preview_invoices(
    run: Run, open_gateway: Callable[[], StripeGateway], tenant_id: str | None = None, reads_max: int = READS_MAX
) -> PreviewReport:
    """A read for each subscription that goes on, as subscriptions were read last, of all tenants or one.

    Raises ``WrongBooksError`` and what ``open_gateway`` raises.
    """
    report = PreviewReport()
    with run.database.connect() as connection:
        if not books_are_claimed(connection):
            report.not_read.append(NEVER_STATED)
            return report
        left = reads_max - reads_since(connection, run.clock() - READS_MONTH)

        def count_read() -> None:
            """On record before it is made."""
            nonlocal left
            if left <= 0:
                raise ReadsUsedUpError(READS_USED_UP)
            count_reads(connection, 1, ReadPurpose.INVOICES, run.clock())
            left -= 1

        gateway = stripe_of_books(connection, open_gateway)
        customers = billed_customers(connection, run.clock())
        for subscription_id in _subscriptions(connection, customers, tenant_id):
            try:
                report.periods += _previewed(run, connection, gateway, subscription_id, count_read)
            except ReadsUsedUpError as error:
                report.not_read.append(str(error))
                break
            except StripeCallError as error:
                report.not_read.append(str(error))
                if error.is_key_refused or not error.reached:
                    break
    return report


def _subscriptions(
    connection: psycopg.Connection, customers: dict[str, Customer], tenant_id: str | None
) -> Sequence[str]:
    chosen = [name for name, customer in customers.items() if tenant_id in {None, *customer.tenant_ids}]
    items = known_items(connection, chosen).values()
    return sorted({item.subscription_id for item in items if item.goes_on})


def _previewed(
    run: Run,
    connection: psycopg.Connection,
    gateway: StripeGateway,
    subscription_id: str,
    count_read: Callable[[], None],
) -> Iterator[PreviewedPeriod]:
    invoice, is_whole = preview_invoice(gateway, subscription_id, count_read)
    meters = invoiced_meters(connection, run.catalogue)
    prices = meters.prices(known_prices(connection))
    since = min((line.period_start for line in invoice.lines), default=run.clock())
    thresholds = [
        each
        for each in recent_invoices(connection, [invoice.customer_id], since)
        if each.billing_reason == THRESHOLD and not each.is_void
    ]
    periods = [
        each
        for each in billing_periods([*thresholds, invoice], prices)
        if any(part.invoice.invoice_id == invoice.invoice_id for part in each.parts)
    ]
    customers = billed_customers(connection, min((each.span.start for each in periods), default=run.clock()))
    asked = [Asked(each.customer_id, each.event_name, each.spans) for each in periods]
    booked = booked_periods(connection, asked, customers, meters, periods)
    for period, ours in zip(periods, booked, strict=True):
        lines = next(part.lines for part in period.parts if part.invoice.invoice_id == invoice.invoice_id)
        shares = carried(period, prices)
        quantity = shares.pop(invoice.invoice_id)
        before = int(sum(shares.values()))
        known = customers.get(period.customer_id)
        yield PreviewedPeriod(
            known.tenant_ids[-1] if known else None,
            period.customer_id,
            subscription_id,
            period.event_name,
            period.span.start,
            period.span.end,
            quantity,
            ours.usage - before,
            ours.accepted - before,
            sum(line.amount for line in lines),
            invoice.currency,
            is_whole,
        )
