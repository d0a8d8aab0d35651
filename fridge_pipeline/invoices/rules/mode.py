"""What is done about Stripe's invoices."""

from __future__ import annotations

from enum import StrEnum


class InvoiceMode(StrEnum):
    """``FRIDGE_INVOICES``."""

    WATCH = "watch"  # read and compared
    HOLD = "hold"  # drafts are also kept open until their hours are delivered
    OFF = "off"  # not read
