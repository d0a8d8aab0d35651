"""Explain an invoice: from its lines to the hours, statements and files that make their quantities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from fridge_pipeline.catalogue.meter import Meter, meter_of
from fridge_pipeline.database.queries import statement
from fridge_pipeline.invoices.compared import ComparedInvoice, compared_invoices
from fridge_pipeline.invoices.our_side import invoiced_meters


class InvoiceUnknownError(LookupError):
    """No invoice, or no line, of this id was read."""


@dataclass(frozen=True, slots=True)
class BilledHour:
    """An hour of a line: usage, ``None`` where there is none, each statement of it, and the files that brought it."""

    tenant_id: str
    hour: datetime
    quantity: int | None
    statements: list[dict[str, Any]]
    files: list[dict[str, Any]]

    @property
    def is_late(self) -> bool:
        """Whether Stripe decided about a statement of it after the invoice was final."""
        return any(each["is_after_the_invoice"] for each in self.statements)


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """A line with a meter of ours, and the hours whose usage it bills."""

    line_id: str
    event_name: str
    price_id: str
    stripe_subscription_id: str | None
    subscription_item_id: str | None
    period_start: datetime
    period_end: datetime
    quantity: Decimal | None
    amount: int
    is_invoice_item: bool
    hours: list[BilledHour]


@dataclass(frozen=True, slots=True)
class InvoiceExplanation:
    """An invoice as Stripe showed it last, how its periods compare with usage, its corrections, and its lines."""

    invoice: dict[str, Any]
    comparisons: list[ComparedInvoice]
    corrections: list[dict[str, Any]]
    lines: list[ExplainedLine]


def explain_invoice(
    connection: psycopg.Connection, catalogue: tuple[Meter, ...], invoice_id: str, line_id: str | None = None
) -> InvoiceExplanation:
    """What an invoice, or one line of it, is made of; reads nothing of Stripe. Raises ``InvoiceUnknownError``."""
    with connection.cursor(row_factory=dict_row) as cursor:
        invoice = cursor.execute(statement("explain_invoice"), {"invoice_id": invoice_id}).fetchone()
        if invoice is None:
            raise InvoiceUnknownError(
                f"no invoice {invoice_id!r} with a line of our meters was read: fridge invoices --read-stripe"
            )
        meters = invoiced_meters(connection, catalogue).all
        named = {"invoice_id": invoice_id, "line_id": line_id, "event_names": [meter.event_name for meter in meters]}
        lines = cursor.execute(statement("explain_invoice_lines"), named).fetchall()
        corrections = cursor.execute(statement("explain_invoice_corrections"), named).fetchall()
    if not lines:
        raise InvoiceUnknownError(f"invoice {invoice_id} has no line {line_id or ''} of a meter of ours")
    periods = compared_invoices(
        connection, min(row["period_start"] for row in lines), max(row["period_end"] for row in lines)
    )
    found = [
        ExplainedLine(**row, hours=_hours(connection, meter_of(row["event_name"], meters), invoice, row))
        for row in lines
    ]
    own = [each for each in periods if each.invoice_id == invoice_id]
    return InvoiceExplanation(invoice, own, corrections, found)


def _hours(
    connection: psycopg.Connection, meter: Meter, invoice: dict[str, Any], line: dict[str, Any]
) -> list[BilledHour]:
    customer_id = invoice["stripe_customer_id"]
    rows = connection.execute(statement("explain_invoice_tenants"), {"customer_id": customer_id}).fetchall()
    parameters = {
        "tenant_ids": [tenant_id for (tenant_id,) in rows],
        "customer_id": customer_id,
        "event_name": meter.event_name,
        "measure": meter.measure.name,
        "since": line["period_start"],
        "until": line["period_end"],
        "finalized_at": invoice["finalized_at"],
    }
    with connection.cursor(row_factory=class_row(BilledHour)) as cursor:
        return cursor.execute(statement("explain_invoice_hours"), parameters).fetchall()
