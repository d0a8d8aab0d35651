"""Our side of billing periods: usage and what of it Stripe has accepted, and whose customers they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from fridge_pipeline.catalogue.measure import Aggregate, Measure
from fridge_pipeline.catalogue.meter import Formula, Meter
from fridge_pipeline.database.queries import meters_of, statement
from fridge_pipeline.invoices.rules.billing_periods import BillingPeriod, Span
from fridge_pipeline.invoices.rules.compare_period import Booked
from fridge_pipeline.stripe.rules.invoice import Price


@dataclass(slots=True)
class Customer:
    """A Stripe customer in the books: its tenants, whoever has it now last, and the meters it was stated usage of."""

    tenant_ids: list[str]
    event_names: set[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """Usage of which customer and meter is wanted, of which spans, and when the invoice of it became final."""

    customer_id: str
    event_name: str
    spans: Sequence[Span]
    final_at: datetime | None = None


def billed_customers(connection: psycopg.Connection, since: datetime) -> dict[str, Customer]:
    """Every customer that a tenant has, or that usage was stated to since."""
    found: dict[str, Customer] = {}
    rows = connection.execute(statement("tenants_of_customers"), {"since": since}).fetchall()
    for customer_id, tenant_id, event_names, _is_mapped in rows:
        customer = found.setdefault(customer_id, Customer([], set()))
        customer.tenant_ids.append(tenant_id)
        customer.event_names |= set(event_names)
    return found


@dataclass(frozen=True, slots=True)
class InvoicedMeters:
    """Those of the catalogue, and those that it has no more and that usage was sent to: Stripe may still bill them.

    ``former`` has whoever came last at its end.
    """

    catalogue: Sequence[Meter]
    former: Sequence[Meter]

    @property
    def all(self) -> tuple[Meter, ...]:
        """The catalogue's first."""
        return (*self.catalogue, *self.former)

    @property
    def event_names(self) -> list[str]:
        """Of all, in their order."""
        return [meter.event_name for meter in self.all]

    @property
    def by_age(self) -> tuple[Meter, ...]:
        """The oldest first."""
        return (*self.former, *self.catalogue)

    def prices(self, known: Mapping[str, Price]) -> dict[str, Price]:
        """Those of known prices that bill one of them."""
        names = {*self.event_names}
        return {price_id: price for price_id, price in known.items() if price.event_name in names}

    def billed_before(self, periods: Iterable[BillingPeriod]) -> list[BillingPeriod]:
        """What of earlier names invoices bill: the newest name of a measure has what is left, known still or not."""
        newest = {meter.measure.name: meter.event_name for meter in self.by_age}
        earlier = {*self.event_names} - {*newest.values()}
        return [each for each in periods if each.live and each.event_name in earlier]


def invoiced_meters(connection: psycopg.Connection, catalogue: Sequence[Meter]) -> InvoicedMeters:
    """What Stripe may bill of ours."""
    rows = connection.execute(statement("meters_sent_before"), meters_of(catalogue)).fetchall()
    former = [Meter(name, name, Measure(measure, Aggregate.COUNT), Formula(formula)) for name, measure, formula in rows]
    return InvoicedMeters(catalogue, former)


def booked_periods(
    connection: psycopg.Connection,
    asked: Sequence[Asked],
    customers: Mapping[str, Customer],
    meters: InvoicedMeters,
    invoiced: Iterable[BillingPeriod] = (),
) -> list[Booked]:
    """Our side of each, in their order; of a customer that several tenants have or had, all of theirs.

    Of a meter that the catalogue has no more, what was stated to it: another one may bill the usage by now. What was
    stated to several is of the oldest one that is ``invoiced`` for it, and else of the newest.
    """
    before = meters.billed_before(invoiced)
    known = {meter.event_name: meter for meter in meters.all}
    present = {meter.event_name for meter in meters.catalogue}
    pieces = [
        (position, tenant_id, each, known[each.event_name], span)
        for position, each in enumerate(asked)
        for tenant_id in (customers[each.customer_id].tenant_ids if each.customer_id in customers else [])
        for span in each.spans
    ]
    parameters = {
        "numbers": list(range(len(pieces))),
        "positions": [position for position, *_ in pieces],
        "tenant_ids": [tenant_id for _, tenant_id, *_ in pieces],
        "customer_ids": [each.customer_id for _, _, each, *_ in pieces],
        "event_names": [each.event_name for _, _, each, *_ in pieces],
        "measures": [meter.measure.name for *_, meter, _ in pieces],
        "are_last": [meter.formula is Formula.LAST for *_, meter, _ in pieces],
        "starts": [span.start for *_, span in pieces],
        "ends": [span.end for *_, span in pieces],
        "finals": [each.final_at for _, _, each, *_ in pieces],
        "names": [meter.event_name for meter in meters.by_age],
        "names_measures": [meter.measure.name for meter in meters.by_age],
        "ages": list(range(len(meters.by_age))),
        "invoiced_customers": [each.customer_id for each in before],
        "invoiced_names": [each.event_name for each in before],
        "invoiced_starts": [each.span.start for each in before],
        "invoiced_ends": [each.span.end for each in before],
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("booked_periods"), parameters).fetchall()
    found = {row.pop("position"): Booked(**{**row, "cut": tuple(row["cut"])}) for row in rows}
    booked = [found.get(position, Booked()) for position in range(len(asked))]
    return [
        ours if each.event_name in present else replace(ours, usage=ours.accepted + ours.before_start, settled=0)
        for each, ours in zip(asked, booked, strict=True)
    ]
