"""Invoices, prices and subscription items in the books: a row for each time that one was read and was not what it was.

Whatever writes is called in a transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fridge_pipeline.database.queries import statement
from fridge_pipeline.invoices.rules.billing_periods import Span
from fridge_pipeline.invoices.rules.corrected import Correction, Place
from fridge_pipeline.stripe.rules.invoice import (
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    Price,
    SubscriptionItem,
    Tier,
    TiersMode,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """When and by which run Stripe was asked."""

    read_at: datetime
    run_id: str

    def parameters(self) -> dict[str, Any]:
        """As the statements name them."""
        return {"read_at": self.read_at, "run_id": self.run_id}


def content_hash(of: Invoice | Price | SubscriptionItem) -> str:
    """The same for the same fields: what is read again unchanged makes no row."""
    return hashlib.sha256(json.dumps(asdict(of), default=str, sort_keys=True).encode()).hexdigest()


def known_invoices(connection: psycopg.Connection, invoice_ids: Sequence[str]) -> dict[str, str]:
    """Invoice → the hash of what was read of it last."""
    return dict(connection.execute(statement("known_invoices"), {"invoice_ids": list(invoice_ids)}).fetchall())


def drafts_of_day(connection: psycopg.Connection, since: datetime, until: datetime) -> set[str]:
    """The invoices created in this time that were drafts when they were read last."""
    rows = connection.execute(statement("drafts_of_day"), {"since": since, "until": until}).fetchall()
    return {invoice_id for (invoice_id,) in rows}


def add_invoice(connection: psycopg.Connection, invoice: Invoice, reading: Reading) -> None:
    """A snapshot with all its lines."""
    fields = {**asdict(invoice), "content_hash": content_hash(invoice), **reading.parameters()}
    lines = fields.pop("lines")
    row = connection.execute(statement("add_invoice_snapshot"), fields).fetchone()
    if row is None:
        raise LookupError(f"the snapshot of {invoice.invoice_id} was not written")
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("add_invoice_line"),
            [{**line, "snapshot_id": row[0], "line_number": number} for number, line in enumerate(lines, 1)],
        )


def delete_invoice(connection: psycopg.Connection, invoice_id: str, reading: Reading) -> None:
    """A draft that Stripe shows no more."""
    connection.execute(statement("delete_invoice"), {"invoice_id": invoice_id, **reading.parameters()})


def known_prices(connection: psycopg.Connection) -> dict[str, Price]:
    """Every price that was ever read, as it was read last."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("known_prices")).fetchall()
    return {row["price_id"]: _price(row) for row in rows}


def _price(row: Mapping[str, Any]) -> Price:
    tiers = tuple(
        Tier(_decimal(tier["up_to"]), Decimal(tier["unit_amount"]), Decimal(tier["flat_amount"]))
        for tier in row["tiers"]
    )
    return Price(
        price_id=row["price_id"],
        event_name=row["event_name"],
        currency=row["currency"],
        unit_amount=row["unit_amount"],
        tiers_mode=TiersMode(row["tiers_mode"]) if row["tiers_mode"] else None,
        tiers=tiers,
        divide_by=row["divide_by"],
        rounds_up=row["rounds_up"],
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def keep_prices(
    connection: psycopg.Connection, prices: Iterable[Price], known: Mapping[str, Price], reading: Reading
) -> None:
    """Adds those that are new, or are not what they were."""
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("add_price"),
            [
                {
                    **asdict(price),
                    "tiers": Jsonb([_texts(tier) for tier in price.tiers]),
                    "content_hash": content_hash(price),
                    **reading.parameters(),
                }
                for price in prices
                if known.get(price.price_id) != price
            ],
        )


def _texts(tier: Tier) -> dict[str, str | None]:
    """A JSON number may be read as a float, and money never is."""
    return {name: None if value is None else f"{value:f}" for name, value in asdict(tier).items()}


def known_items(
    connection: psycopg.Connection, customer_ids: Sequence[str] | None = None
) -> dict[str, SubscriptionItem]:
    """Every subscription item that was ever read, as it was read last; or those of some customers."""
    chosen = None if customer_ids is None else list(customer_ids)
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement("known_items"), {"customer_ids": chosen}).fetchall()
    for row in rows:
        del row["content_hash"]
    return {row["item_id"]: SubscriptionItem(**row) for row in rows}


def keep_items(
    connection: psycopg.Connection,
    items: Iterable[SubscriptionItem],
    known: Mapping[str, SubscriptionItem],
    reading: Reading,
) -> None:
    """Adds those that are new, or are not what they were."""
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("add_item"),
            [
                {**asdict(item), "content_hash": content_hash(item), **reading.parameters()}
                for item in items
                if known.get(item.item_id) != item
            ],
        )


def keep_day(connection: psycopg.Connection, day: date, invoices: int, reading: Reading) -> None:
    """How many invoices were created on a day that was read to its end."""
    connection.execute(statement("add_invoice_day"), {"day": day, "invoices": invoices, **reading.parameters()})


def days_read(connection: psycopg.Connection, today: date) -> dict[date, datetime]:
    """The days that were read after they were over, and today when it was read at all; and when, the last time."""
    return dict(connection.execute(statement("invoice_days_read"), {"today": today}).fetchall())


def days_last_read(connection: psycopg.Connection, days: Iterable[date]) -> dict[date, datetime]:
    """When each of some days was read last, over or not; those that never were are left out."""
    return dict(connection.execute(statement("days_last_read"), {"days": list(days)}).fetchall())


def days_with_drafts(connection: psycopg.Connection) -> dict[date, list[str]]:
    """The days on which drafts were created, as far as the books know, and their ids."""
    return dict(connection.execute(statement("days_with_drafts")).fetchall())


def recent_invoices(connection: psycopg.Connection, customer_ids: Sequence[str], since: datetime) -> list[Invoice]:
    """Invoices of these customers that were created or have changed since, with all their lines."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            statement("recent_invoices"), {"customer_ids": list(customer_ids), "since": since}
        ).fetchall()
    return [_invoice(list(lines)) for _, lines in groupby(rows, key=lambda row: row["invoice_id"])]


#: What a row has of the line; the rest is the invoice's.
_OF_THE_LINE = frozenset(InvoiceLine.__dataclass_fields__)


def _invoice(rows: Sequence[dict[str, Any]]) -> Invoice:
    lines = tuple(InvoiceLine(**{name: row[name] for name in _OF_THE_LINE}) for row in rows)
    header = {name: value for name, value in rows[0].items() if name not in _OF_THE_LINE}
    return Invoice(**{**header, "status": InvoiceStatus(header["status"]), "lines": lines})


def corrections_of(connection: psycopg.Connection, customer_ids: Sequence[str]) -> list[Correction]:
    """Those of some customers that are written, in order."""
    rows = connection.execute(statement("corrections_written"), {"customer_ids": list(customer_ids)}).fetchall()
    return [
        Correction(Place(customer_id, event_name, invoice_id, Span(start, end)), *what)
        for customer_id, event_name, invoice_id, start, end, *what in rows
    ]
