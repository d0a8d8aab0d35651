"""What an account has: meters, which say how events of one name are counted, and customers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from stripe_sandbox.stripe_shapes import Form

FORMULAS = ("sum", "count", "last")
WINDOW_SECONDS = {"hour": 3_600, "day": 86_400}  # both begin on their UTC boundary

LONGEST_NAME = 100  # event_name and payload keys (Stripe's schema)
LONGEST_DISPLAY_NAME = 250


@dataclass(frozen=True)
class Meter:
    """One meter as it stands; saved anew whenever it changes. Times are whole unix seconds.

    ``event_time_window`` ``hour`` or ``day`` keeps only the most recently received event of a customer and
    window; ``None`` is Stripe's raw ingestion, in which every event counts.
    """

    id: str
    created: int
    updated: int
    display_name: str
    event_name: str
    formula: str
    event_time_window: str | None
    customer_key: str
    value_key: str
    deactivated_at: int | None = None

    @property
    def active(self) -> bool:
        """Whether the meter accepts events."""
        return self.deactivated_at is None

    def slot(self, timestamp: int) -> int:
        """The start of the stretch of time that an event falls into: its window, or its minute if raw.

        Minutes are the finest boundary at which Stripe's summaries can be asked for.
        """
        return timestamp - timestamp % WINDOW_SECONDS.get(self.event_time_window or "", 60)

    def renamed(self, display_name: str, now: int) -> Meter:
        """The meter under another display name, the one field that can be updated."""
        return replace(self, display_name=display_name, updated=now)

    def switched(self, *, active: bool, now: int) -> Meter:
        """The meter deactivated or reactivated."""
        return replace(self, deactivated_at=None if active else now, updated=now)

    def as_stripe(self) -> dict[str, object]:
        """The ``billing.meter`` object."""
        return {
            "id": self.id,
            "object": "billing.meter",
            "created": self.created,
            "customer_mapping": {"event_payload_key": self.customer_key, "type": "by_id"},
            "default_aggregation": {"formula": self.formula},
            "display_name": self.display_name,
            "event_name": self.event_name,
            "event_time_window": self.event_time_window,
            "livemode": False,
            "status": "active" if self.active else "inactive",
            "status_transitions": {"deactivated_at": self.deactivated_at},
            "updated": self.updated,
            "value_settings": {"event_payload_key": self.value_key},
        }


def read_meter(form: Form, now: int) -> Meter:
    """The meter that ``POST /v1/billing/meters`` asks for. Raises ``StripeError`` (400)."""
    form.allow_only(
        "customer_mapping",
        "default_aggregation",
        "display_name",
        "event_name",
        "event_time_window",
        "value_settings",
    )
    aggregation = form.group("default_aggregation")
    aggregation.allow_only("formula")
    return Meter(
        id=f"mtr_test_{secrets.token_hex(12)}",
        created=now,
        updated=now,
        display_name=form.text("display_name", LONGEST_DISPLAY_NAME),
        event_name=form.text("event_name", LONGEST_NAME),
        formula=aggregation.choice("formula", FORMULAS),
        event_time_window=form.optional_choice("event_time_window", tuple(WINDOW_SECONDS)),
        customer_key=_customer_key(form),
        value_key=_value_key(form),
    )


def _customer_key(form: Form) -> str:
    mapping = form.optional_group("customer_mapping")
    if mapping is None:
        return "stripe_customer_id"  # Stripe's default
    mapping.allow_only("event_payload_key", "type")
    mapping.choice("type", ("by_id",))
    return mapping.text("event_payload_key", LONGEST_NAME)


def _value_key(form: Form) -> str:
    settings = form.optional_group("value_settings")
    if settings is None:
        return "value"  # Stripe's default
    settings.allow_only("event_payload_key")
    return settings.text("event_payload_key", LONGEST_NAME)


CustomerPolicy: TypeAlias = Callable[[str], bool]
"""Whether a customer id that was never created through ``POST /v1/customers`` is taken to exist."""

_CUSTOMER_ID = re.compile(r"cus_[A-Za-z0-9_.\-]{1,96}")  # 100 in all: what a payload value can hold


def any_well_formed_customer(customer_id: str) -> bool:
    """The default policy: every ``cus_…`` exists, since a sandbox has no sign-up and Stripe invents the ids.

    Tenants can thus keep the customer ids they have; a text of another form is still refused.
    """
    return _CUSTOMER_ID.fullmatch(customer_id) is not None


@dataclass(frozen=True)
class Adjustment:
    """What somebody has put on a customer's balance, in minor units; below 0 it is the customer's."""

    id: str
    customer: str
    currency: str
    amount: int
    created: int

    def as_stripe(self) -> dict[str, object]:
        """The ``customer_balance_transaction`` object."""
        return {
            **vars(self),
            "object": "customer_balance_transaction",
            "credit_note": None,
            "description": None,
            "ending_balance": self.amount,
            "invoice": None,
            "livemode": False,
            "metadata": {},
            "type": "adjustment",
        }


@dataclass(frozen=True)
class Customer:
    """One customer as it stands; ``deleted`` ones stay known, as in Stripe."""

    id: str
    created: int
    name: str | None = None
    email: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    deleted: bool = False
    test_clock: str | None = None
    adjustments: tuple[Adjustment, ...] = ()

    def without(self) -> Customer:
        """The customer after its deletion."""
        return replace(self, deleted=True)

    def as_stripe(self) -> dict[str, object]:
        """The ``customer`` object, or what Stripe shows of a deleted one."""
        if self.deleted:
            return {"id": self.id, "object": "customer", "deleted": True}
        return {
            "id": self.id,
            "object": "customer",
            "created": self.created,
            "email": self.email,
            "livemode": False,
            "metadata": self.metadata,
            "name": self.name,
            "test_clock": self.test_clock,
        }


def read_customer(form: Form, now: int) -> Customer:
    """The customer that ``POST /v1/customers`` asks for. Raises ``StripeError`` (400)."""
    form.allow_only("email", "metadata", "name", "test_clock")
    return Customer(
        id=f"cus_{secrets.token_hex(7)}",
        created=now,
        name=form.optional_text("name", 256),
        email=form.optional_text("email", 512),
        metadata=read_metadata(form),
        test_clock=form.optional_text("test_clock"),
    )


def read_metadata(form: Form, current: dict[str, str] | None = None) -> dict[str, str]:
    """The metadata after a request; in an update, what it leaves empty is taken away, and the rest stays."""
    said = form.optional_group("metadata")
    told = said.flat(500) if said else {}  # 500: docs.stripe.com/api/metadata
    return told if current is None else {name: value for name, value in {**current, **told}.items() if value}
