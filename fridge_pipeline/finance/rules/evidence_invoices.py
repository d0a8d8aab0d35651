"""The invoices and corrections of an evidence pack: every difference has its cause, every correction two people.

Standard library only, like the format.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import TypeVar

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError
from fridge_pipeline.finance.rules.evidence_rows import exactly, named_rows, number_in
from fridge_pipeline.finance.rules.evidence_signoffs import plain_name

#: The tables of a pack that are read here.
INVOICES, COMPARED, DAY_READS = "invoices", "invoice_tie_out", "invoice_day_reads"
CORRECTIONS, EDITS = "corrections", "correction_edits"

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    INVOICES: ("invoice_id", "status"),
    COMPARED: ("invoice_id", "status", "event_name", "usage_quantity", "invoice_quantity", "difference", "cause"),
    DAY_READS: ("day",),
    CORRECTIONS: (
        *("proposal_id", "old_quantity", "new_quantity", "delta", "amount_minor_units", "document_kind"),
        *("proposed_by", "approved_by", "document", "lost_at"),
    ),
    EDITS: ("proposal_id", "amount_minor_units", "currency"),
}

#: The text of a table, and the rest of it that came after the signature, if there is any.
Texts = Sequence[Iterable[str]]

#: A row of one of the tables, with the columns above.
Row = Mapping[str, str]

_Key = TypeVar("_Key", str, tuple[int, str])


@exactly()
def compare_with_invoices(compared: Texts, invoices: Texts, day_reads: Texts) -> str:
    """Whether what was compared adds up, and is of invoices that the pack has; says what differs and why.

    Raises ``DoesNotHoldError`` naming the invoice.
    """
    known, rows, differing = _newest(INVOICES, invoices, _invoice), 0, 0
    changed: dict[str, tuple[Decimal, set[str]]] = {}
    for invoice_id, of_invoice in groupby(_rows(COMPARED, compared), _invoice):
        there = next((each for each in known if each["invoice_id"] >= invoice_id), None) if invoice_id else None
        for row in of_invoice:
            rows += 1
            _require_shown(row, there)
            difference = _difference(row)
            if difference:
                differing += 1
                before, causes = changed.get(row["event_name"], (Decimal(0), set()))
                changed[row["event_name"]] = before + difference, causes | {row["cause"]}
    if not rows:
        days = sum(1 for _ in _rows(DAY_READS, day_reads))
        return "no invoice of its periods was there to compare" if days else "Stripe's invoices were not read"
    said = f"comparisons of invoices with usage: {rows}, all add up"
    if not differing:
        return f"{said} and none differs"
    told = (f"{value:+} {meter} ({', '.join(sorted(causes))})" for meter, (value, causes) in changed.items())
    return f"{said}; different: {differing}, each with its cause: {'; '.join(sorted(told))}"


@exactly()
def require_corrected_by_two(corrections: Texts, edits: Texts = ()) -> str:
    """Whether every correction adds up, and each that reached Stripe was approved by another person than proposed it.

    Says what somebody has made of them in Stripe. Raises ``DoesNotHoldError`` naming the correction.
    """
    proposed = written = edited = 0
    more: dict[str, Decimal] = {}
    last = _newest(EDITS, edits, _proposal)
    edit = next(last, None)
    for row in _newest(CORRECTIONS, corrections, _proposal):
        proposed += 1
        amount = _approved_by_two(row)
        written += bool(row["document"]) and not row["lost_at"]
        if edit is not None and edit["proposal_id"] == row["proposal_id"]:
            if change := _edited_by(edit, row, amount):
                edited, more[edit["currency"]] = edited + 1, more.get(edit["currency"], Decimal(0)) + change
            edit = next(last, None)
    if edit is not None:
        raise DoesNotHoldError(f"{EDITS} has correction {edit['proposal_id']}, which is not in {CORRECTIONS}")
    if not proposed:
        return "no correction was proposed"
    told = f"corrections proposed: {proposed}; in Stripe: {written}, each approved by another person"
    if not edited:
        return told
    changes = (f"{change:+} minor units of {currency}" for currency, change in sorted(more.items()))
    return f"{told}; edited there since: {edited}, by {', '.join(changes)}"


def _approved_by_two(row: Row) -> Decimal:
    """The amount that was approved of a correction that adds up."""
    named = f"correction {row['proposal_id']} in {CORRECTIONS}"
    old, new, delta, amount = (
        _number(CORRECTIONS, row, name) for name in ("old_quantity", "new_quantity", "delta", "amount_minor_units")
    )
    if new - old != delta:
        raise DoesNotHoldError(f"{named} makes good {delta}, but {new} less {old} is {new - old}")
    if (amount > 0) != (row["document_kind"] == "invoice_item"):
        raise DoesNotHoldError(f"{named} is a {row['document_kind']} of {amount}")
    approver = plain_name(row["approved_by"])
    if row["document"] and not approver:
        raise DoesNotHoldError(f"{named} is in Stripe as {row['document']}, and nobody approved it")
    if approver and approver == plain_name(row["proposed_by"]):
        raise DoesNotHoldError(f"{named} was proposed and approved by {row['approved_by']}")
    return amount


def _edited_by(edit: Row, row: Row, approved: Decimal) -> Decimal:
    """By how much an invoice item in Stripe is more than was approved; nothing where Stripe has it no more."""
    if not row["document"]:
        raise DoesNotHoldError(f"{EDITS} has correction {row['proposal_id']}, which was never in Stripe")
    change = _number(EDITS, edit, "amount_minor_units") - approved
    return Decimal(0) if row["lost_at"] else change


def _proposal(row: Row) -> tuple[int, str]:
    """In the order of their numbers."""
    return len(row["proposal_id"]), row["proposal_id"]


def _require_shown(row: Row, there: Row | None) -> None:
    """An invoice that was compared is one that was read, and stands as that says."""
    if row["invoice_id"] and (there is None or there["invoice_id"] != row["invoice_id"]):
        raise DoesNotHoldError(f"{COMPARED} has {row['invoice_id']}, which is not in {INVOICES}")
    if there is not None and there["status"] != row["status"]:
        raise DoesNotHoldError(
            f"{COMPARED} says that {row['invoice_id']} is {row['status']}, but Stripe showed {there['status']} last: "
            f"so {INVOICES}"
        )


def _difference(row: Row) -> Decimal:
    invoiced, used, said = (_number(COMPARED, row, f) for f in ("invoice_quantity", "usage_quantity", "difference"))
    named = f"{row['event_name']} of {row['invoice_id'] or 'no invoice'}"
    if invoiced - used != said or (said and not row["cause"]):
        raise DoesNotHoldError(
            f"{COMPARED} says that {named} differs by {said} (cause: {row['cause'] or 'none'}), but {invoiced} "
            f"invoiced less {used} used is {invoiced - used}"
        )
    return said


def _invoice(row: Row) -> str:
    return row["invoice_id"]


def _newest(table: str, texts: Texts, key: Callable[[Row], _Key]) -> Iterator[Row]:
    """Of each the last row, in the order that each text has."""
    in_order = heapq.merge(*(_rows(table, [text]) for text in texts), key=key)
    for _, same in groupby(in_order, key):
        yield deque(same, maxlen=1)[0]


def _rows(table: str, texts: Texts) -> Iterator[Row]:
    for text in texts:
        yield from named_rows(table, text, _COLUMNS[table])


def _number(table: str, row: Row, column: str) -> Decimal:
    try:
        return number_in(row[column])
    except InvalidOperation:
        raise DoesNotHoldError(f"{table}: {column} is {row[column][:40]!r}, which is not a number") from None
