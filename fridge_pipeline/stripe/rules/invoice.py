"""Invoices, lines, prices and subscription items as Stripe shows them; what each field means stands in Stripe's words.

Times are UTC; a period is half open, ``[start, end)``; amounts are minor units of their currency.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

#: Made in the middle of a period, when a billing threshold was reached.
THRESHOLD = "subscription_threshold"

#: A subscription's status between its pause and its resumption.
PAUSED = "paused"

#: A subscription that has one of these has not ended, and makes no invoice; the view of items has the same rule.
AT_REST = frozenset({PAUSED, "incomplete", "incomplete_expired"})

#: Why Stripe itself makes an invoice of a subscription, and of invoice items that wait.
MADE_BY_STRIPE = frozenset(
    {
        "subscription_create",
        "subscription_cycle",
        "subscription_update",
        "automatic_pending_invoice_item_invoice",
        THRESHOLD,
    }
)

#: When something began and ended.
Times = tuple[datetime, datetime]


class InvoiceStatus(StrEnum):
    """Where an invoice stands (docs.stripe.com/invoicing/overview); the last is ours."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"
    VOID = "void"
    DELETED = "deleted"  # it was a draft, and Stripe shows it no more


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line. ``quantity`` is ``quantity_decimal``, because ``quantity`` is cut off; ``None`` where there is none.

    ``period_start`` and ``period_end`` are the line's own: the invoice's say when pending items were collected.
    ``is_invoice_item``: made by an invoice item, as the line of a price that was changed in the middle of a period.
    ``is_discounted``: ``amount`` is before a discount that lowers it, or would lower more of it.
    """

    line_id: str
    price_id: str | None
    subscription_id: str | None
    item_id: str | None
    period_start: datetime
    period_end: datetime
    quantity: Decimal | None
    amount: int
    is_invoice_item: bool = False
    is_proration: bool = False
    is_discounted: bool = False


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice with all its lines; ``credited`` is what its credit notes come to.

    ``finalizes_at`` is when Stripe will finalize a draft that somebody has scheduled.
    """

    invoice_id: str
    customer_id: str
    status: InvoiceStatus
    billing_reason: str | None
    currency: str
    created_at: datetime
    finalized_at: datetime | None = None
    finalizes_at: datetime | None = None
    number: str | None = None
    total: int = 0
    credited: int = 0
    lines: tuple[InvoiceLine, ...] = ()

    @property
    def is_draft(self) -> bool:
        """Whether its quantities may still change."""
        return self.status is InvoiceStatus.DRAFT

    @property
    def is_void(self) -> bool:
        """Whether it bills nothing."""
        return self.status in {InvoiceStatus.VOID, InvoiceStatus.DELETED}


#: The field of a draft's metadata that says who holds it.
HELD_BY = "fridge_held_by"


@dataclass(frozen=True, slots=True)
class Draft:
    """When a draft becomes final, and who has a say in it; ``is_draft`` is false once it is final, or deleted.

    Without ``auto_advance`` it never does by itself. ``mark`` is what its metadata say under ``HELD_BY``.
    """

    invoice_id: str
    created_at: datetime
    is_draft: bool
    auto_advance: bool
    finalizes_at: datetime | None
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier: up to and with ``up_to`` units, ``None`` for all the rest."""

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal = Decimal(0)


class TiersMode(StrEnum):
    """How tiers are charged: each for its own units, or one of them for all."""

    GRADUATED = "graduated"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Price:
    """A price. Of one that belongs to no meter of the catalogue ``event_name`` is ``None``: its lines are not ours.

    ``divide_by`` with ``rounds_up`` is ``transform_quantity``: the period's total becomes packages. ``unit_amount`` is
    ``None`` for tiers, and where Stripe gives no amount.
    """

    price_id: str
    event_name: str | None
    currency: str
    unit_amount: Decimal | None = None
    tiers_mode: TiersMode | None = None
    tiers: tuple[Tier, ...] = ()
    divide_by: int | None = None
    rounds_up: bool = False

    @property
    def is_by_period(self) -> bool:
        """Whether tiers or packages make what a unit costs a matter of all usage of its billing period."""
        return self.tiers_mode is not None or self.divide_by is not None


@dataclass(frozen=True, slots=True)
class SubscriptionItem:
    """A subscription's item: which price bills the customer now, in which current period, and until when it did.

    ``ended_at`` is when its subscription ended; ``None`` until then. The trial is the subscription's last one.
    ``is_discounted``: the item or its subscription has a discount now. ``currency`` is the subscription's, which may be
    another than the price's own; ``None`` where it was read before that was kept. ``has_own_tax``: an invoice item by
    amount would be taxed otherwise.

    What follows is known of an item only from earlier readings: other prices, other trials, pauses that are over, and
    the billing periods; each time as start and end.
    """

    item_id: str
    subscription_id: str
    customer_id: str
    price_id: str
    status: str
    created_at: datetime
    period_start: datetime
    period_end: datetime
    ended_at: datetime | None = None
    trial_start: datetime | None = None
    trial_end: datetime | None = None
    is_discounted: bool = False
    currency: str | None = None
    has_own_tax: bool = False
    other_prices: frozenset[str] = field(default=frozenset(), compare=False)
    other_trials: tuple[Times, ...] = field(default=(), compare=False)
    pauses: tuple[Times, ...] = field(default=(), compare=False)
    periods: frozenset[Times] = field(default=frozenset(), compare=False)

    @property
    def trials(self) -> tuple[Times, ...]:
        """The last one, and those before it."""
        if self.trial_start is None or self.trial_end is None:
            return self.other_trials
        return (*self.other_trials, (self.trial_start, self.trial_end))

    @property
    def period_before(self) -> datetime | None:
        """When the billing period before the current one began, if that was read."""
        return max((start for start, _ in self.periods if start < self.period_start), default=None)

    @property
    def goes_on(self) -> bool:
        """Whether its current period is to be invoiced."""
        return self.ended_at is None and self.status not in AT_REST

    def was_on_trial(self, start: datetime, end: datetime) -> bool:
        """Whether all of a time lies in a trial."""
        return any(trial_start <= start and end <= trial_end for trial_start, trial_end in self.trials)
