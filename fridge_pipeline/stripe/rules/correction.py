"""A correction in Stripe: which document it is, what it says, and by which marks it is found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

#: The names of our metadata: which proposal asked for the document, and what it makes good.
KEY: Final = "fridge_correction"
METER: Final = "fridge_meter"
PERIOD: Final = "fridge_period"


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


@dataclass(frozen=True, slots=True)
class StripeDocument:
    """An invoice item or credit note of ours as Stripe shows it; ``number`` is that of a credit note."""

    document_id: str
    number: str | None
    amount: int
    currency: str
    metadata: Mapping[str, str]
