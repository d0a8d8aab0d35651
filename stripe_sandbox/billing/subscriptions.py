"""Subscriptions and their items. Periods stand on the items, each with its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from stripe_sandbox.billing.charges import NOTHING_BILLED, Billed
from stripe_sandbox.billing.lines import Line
from stripe_sandbox.billing.periods import AnchorConfig, next_boundary
from stripe_sandbox.billing.prices import Price, Recurring

INLINE_ITEMS = 10  # of a subscription; the rest has its own endpoint

PREVIEWABLE = ("active", "past_due", "trialing", "unpaid")
ENDED = ("canceled", "incomplete_expired")


@dataclass(frozen=True)
class Item:
    """One subscription item. Usage counts from ``usage_from`` on: the period's start, unless it was added or swapped.

    ``billed`` is what threshold invoices of the current period billed. ``swapped`` says that its price changed in
    the current period, ``first`` that its period is its first one.
    """

    id: str
    created: int
    price: str
    period_start: int
    period_end: int
    usage_from: int
    quantity: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    usage_gte: int | None = None
    billed: Billed = NOTHING_BILLED
    swapped: bool = False
    first: bool = True

    def changed(self, **fields: object) -> Item:
        """The item with other fields."""
        return replace(self, **fields)  # type: ignore[arg-type]

    def in_next_period(self, end: int) -> Item:
        """The item once its period has ended."""
        start = self.period_end
        return self.changed(
            period_start=start, period_end=end, usage_from=start, billed=NOTHING_BILLED, swapped=False, first=False
        )

    def as_stripe(self, subscription: str, price: Price) -> dict[str, object]:
        """The ``subscription_item`` object."""
        shown: dict[str, object] = {
            "id": self.id,
            "object": "subscription_item",
            "billing_thresholds": None if self.usage_gte is None else {"usage_gte": self.usage_gte},
            "created": self.created,
            "current_period_end": self.period_end,
            "current_period_start": self.period_start,
            "discounts": [],
            "metadata": self.metadata,
            "plan": price.as_plan(),
            "price": price.as_stripe(),
            "subscription": subscription,
            "tax_rates": [],
        }
        return shown if self.quantity is None else {**shown, "quantity": self.quantity}


@dataclass(frozen=True)
class Subscription:
    """One subscription as it stands; one kind of journal entry. Times are unix seconds.

    ``owed`` are lines of voided invoices that are to be billed again.
    """

    id: str
    customer: str
    created: int
    start_date: int
    anchor: int
    currency: str
    mode: str
    items: tuple[Item, ...]
    status: str = "active"
    anchor_config: AnchorConfig | None = None
    collection_method: str = "charge_automatically"
    days_until_due: int | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    canceled_at: int | None = None
    ended_at: int | None = None
    trial_start: int | None = None
    trial_end: int | None = None
    pause_behavior: str | None = None
    pause_resumes_at: int | None = None
    amount_gte: int | None = None
    threshold_resets_anchor: bool = False
    latest_invoice: str | None = None
    test_clock: str | None = None
    owed: tuple[Line, ...] = ()

    @property
    def due_at(self) -> int | None:
        """When one of its periods ends; nothing while it is paused, and once it has ended itself."""
        if self.status in {*ENDED, "paused"}:
            return None
        ends = [item.period_end for item in self.items]
        return min(ends if self.cancel_at is None else [*ends, self.cancel_at], default=None)

    @property
    def has_thresholds(self) -> bool:
        """Whether usage alone can bring an invoice."""
        return self.amount_gte is not None or any(item.usage_gte is not None for item in self.items)

    def pause_at(self, moment: int) -> str | None:
        """What the pause of its collection makes of an invoice that is drafted then."""
        over = self.pause_resumes_at is not None and self.pause_resumes_at <= moment
        return None if over else self.pause_behavior

    def changed(self, **fields: object) -> Subscription:
        """The subscription with other fields."""
        return replace(self, **fields)  # type: ignore[arg-type]

    def with_item(self, changed: Item) -> Subscription:
        """The subscription with this item in the place of the one of the same id."""
        return self.changed(items=tuple(changed if item.id == changed.id else item for item in self.items))

    def period_end_after(self, recurring: Recurring, moment: int) -> int:
        """When the period of a price that holds ``moment`` ends."""
        day = None if self.anchor_config is None else self.anchor_config.day_of_month
        return next_boundary(self.anchor, recurring, moment, day)

    def as_stripe(self, price_of: Callable[[str], Price]) -> dict[str, object]:
        """The ``subscription`` object."""
        items = [item.as_stripe(self.id, price_of(item.price)) for item in self.items]
        config, pause = self.anchor_config, self.pause_behavior
        thresholds = {"amount_gte": self.amount_gte, "reset_billing_cycle_anchor": self.threshold_resets_anchor}
        flexible = {"proration_discounts": "included"} if self.mode == "flexible" else None
        return {
            **_NOT_USED,
            "id": self.id,
            "billing_cycle_anchor": self.anchor,
            "billing_cycle_anchor_config": None if config is None else vars(config),
            "billing_mode": {"flexible": flexible, "type": self.mode},
            "billing_thresholds": None if self.amount_gte is None else thresholds,
            "cancel_at": self.cancel_at,
            "cancel_at_period_end": self.cancel_at_period_end,
            "canceled_at": self.canceled_at,
            "collection_method": self.collection_method,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "days_until_due": self.days_until_due,
            "description": self.description,
            "ended_at": self.ended_at,
            "items": {
                "object": "list",
                "data": items[:INLINE_ITEMS],
                "has_more": len(items) > INLINE_ITEMS,
                "url": f"/v1/subscription_items?subscription={self.id}",
            },
            "latest_invoice": self.latest_invoice,
            "metadata": self.metadata,
            "pause_collection": None if pause is None else {"behavior": pause, "resumes_at": self.pause_resumes_at},
            "start_date": self.start_date,
            "status": self.status,
            "test_clock": self.test_clock,
            "trial_end": self.trial_end,
            "trial_start": self.trial_start,
        }


_NOT_USED: dict[str, object] = {
    "object": "subscription",
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_schedules": [],
    "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
    "customer_account": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
    "livemode": False,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "transfer_data": None,
    "trial_settings": {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}},
}
