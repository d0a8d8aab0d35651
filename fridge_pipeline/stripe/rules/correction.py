"""A correction in Stripe: which document it is, what it says, and by which marks it is found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from fridge_pipeline.stripe.rules.invoice import InvoiceStatus

#: The names of our metadata: which proposal asked for the document, and what it makes good.
KEY: Final = "fridge_correction"
METER: Final = "fridge_meter"
PERIOD: Final = "fridge_period"

#: So long after it is final an unpaid invoice may still be made void; as long as void invoices are looked for.
VOIDED_WITHIN = timedelta(days=95)


class DocumentKind(StrEnum):
    """What a correction is in Stripe."""

    INVOICE_ITEM = "invoice_item"  # the customer's next invoice takes it
    CREDIT_NOTE = "credit_note"  # of the invoice that billed too much


@dataclass(frozen=True, slots=True)
class Wish:
    """A document to be made. ``amount`` is above 0, in minor units; ``lines`` are those of a credit note's invoice."""

    kind: DocumentKind
    key: str
    customer_id: str
    invoice_id: str | None
    event_name: str
    period_start: datetime
    period_end: datetime
    amount: int
    currency: str
    lines: Mapping[str, int]
    text: str

    @property
    def metadata(self) -> dict[str, str]:
        """By which it is found again, after Stripe has forgotten the Idempotency-Key too."""
        return {KEY: self.key, METER: self.event_name, PERIOD: self.period_start.isoformat()}

    def has_mark(self, document: StripeDocument) -> bool:
        """Whether a document is of the same meter and period with our mark, by whichever proposal."""
        place = {name: self.metadata[name] for name in (METER, PERIOD)}
        return KEY in document.metadata and place.items() <= document.metadata.items()


@dataclass(frozen=True, slots=True)
class StripeDocument:
    """An invoice item or credit note as Stripe shows it; ``number`` is that of a credit note, which can be void.

    ``invoice_id`` is the invoice that it is on, if so. ``is_of_subscription``: Stripe made it of a subscription's item.
    ``refunds`` are those by which a credit note gives back.
    """

    document_id: str
    number: str | None
    amount: int
    currency: str
    metadata: Mapping[str, str]
    created_at: datetime
    invoice_id: str | None = None
    is_void: bool = False
    is_of_subscription: bool = False
    refunds: frozenset[str] = frozenset()

    @property
    def is_by_hand(self) -> bool:
        """Whether neither we nor Stripe have made it, and it charges or gives back something."""
        return KEY not in self.metadata and not self.is_of_subscription and self.amount != 0


class Fate(StrEnum):
    """What has become of a document."""

    WAITS = "waits"  # it is there, and may still be lost
    ARRIVED = "arrived"  # an invoice carries it for good
    LOST = "lost"
    MISSING = "missing"  # there is none of this id: lost, if the account is ours


@dataclass(frozen=True, slots=True)
class Standing:
    """A document as Stripe shows it; ``text`` is what Stripe said. ``is_pending``: an item on no invoice yet.

    ``amount`` is what an item or note comes to now. ``left_on`` is the draft that has it, if nothing makes that final.
    ``refunds`` are those by which a credit note gives back.
    """

    fate: Fate
    text: str
    is_pending: bool = False
    amount: int | None = None
    left_on: str | None = None
    refunds: frozenset[str] = frozenset()


#: Stripe makes a draft final within 72 hours, or at the time that somebody has given it; a day more is for its delays.
DRAFT_IS_LEFT = timedelta(days=4)


#: A refund in one of these has given nothing back.
FAILED = frozenset({"failed", "canceled"})


def refunds_in(note: Mapping[str, Any]) -> frozenset[str]:
    """The refunds of a credit note's object."""
    return frozenset(str(each["refund"]) for each in note.get("refunds") or () if each.get("refund"))


def charged(read: Mapping[str, Any]) -> int:
    """What an invoice item or credit note comes to; of an item, less the discounts that somebody has put on it."""
    net = read.get("net_amount")
    return int(read["amount"] if net is None else net)


def standing(read: Mapping[str, Any], now: datetime) -> Standing:
    """Of an invoice item's or credit note's object, its invoice inside; of an invoice itself, only that; of a refund.

    A draft may let an item go, and all but what is paid be made void, after which a credit has given nothing back. A
    refund may fail long after it was made.
    """
    if read.get("object") == "refund":
        status, is_old = read["status"], datetime.fromtimestamp(read["created"], UTC) + VOIDED_WITHIN < now
        fate = Fate.LOST if status in FAILED else Fate.ARRIVED if is_old else Fate.WAITS
        return Standing(fate, f"{read['id']} is {status}")
    if read.get("deleted") or read.get("status") == "void":
        return Standing(Fate.LOST, f"{read['id']} is {'deleted' if read.get('deleted') else 'void'}")
    invoice = read.get("invoice") or {}
    status = invoice.get("status")
    text = f"{read['id']} is on {invoice.get('id', 'no invoice')}" + (f", which is {status}" if status else "")
    if invoice.get("id") == read["id"]:
        text = f"{read['id']} is {status}"
    if status == InvoiceStatus.VOID:
        return Standing(Fate.LOST, text)
    final_at = (invoice.get("status_transitions") or {}).get("finalized_at")
    since = None if final_at is None else datetime.fromtimestamp(max(final_at, read.get("created", 0)), UTC)
    is_old = since is not None and since + VOIDED_WITHIN < now
    return Standing(
        Fate.ARRIVED if status == InvoiceStatus.PAID or is_old else Fate.WAITS,
        text,
        is_pending=status is None,
        amount=charged(read) if "amount" in read else None,
        refunds=refunds_in(read),
        left_on=invoice["id"] if status == InvoiceStatus.DRAFT and _is_left(invoice, now) else None,
    )


def _is_left(draft: Mapping[str, Any], now: datetime) -> bool:
    """Whether a draft should have been final long ago, so that nothing makes it so."""
    due = max(draft.get("created", now.timestamp()), draft.get("automatically_finalizes_at") or 0)
    return datetime.fromtimestamp(due, UTC) + DRAFT_IS_LEFT < now
