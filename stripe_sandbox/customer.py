"""Customers, and the policy about those whom nobody signed up."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from stripe_sandbox.stripe_shapes import Form

CustomerPolicy: TypeAlias = Callable[[str], bool]
"""Whether a customer id that was never created through ``POST /v1/customers`` is taken to exist."""

_CUSTOMER_ID = re.compile(r"cus_[A-Za-z0-9_.\-]{1,96}")  # 100 in all: what a payload value can hold


def any_well_formed_customer(customer_id: str) -> bool:
    """The default policy: every ``cus_…`` exists, since a sandbox has no sign-up and Stripe invents the ids.

    Tenants can thus keep the customer ids they have; a text of another form is still refused.
    """
    return _CUSTOMER_ID.fullmatch(customer_id) is not None


@dataclass(frozen=True)
class Customer:
    """One customer as it stands; ``deleted`` ones stay known, as in Stripe."""

    id: str
    created: int
    name: str | None = None
    email: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    deleted: bool = False

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
        }


def read_customer(form: Form, now: int) -> Customer:
    """The customer that ``POST /v1/customers`` asks for. Raises ``StripeError`` (400)."""
    form.allow_only("email", "metadata", "name")
    metadata = form.optional_group("metadata")
    return Customer(
        id=f"cus_{secrets.token_hex(7)}",
        created=now,
        name=form.optional_text("name", 256),
        email=form.optional_text("email", 512),
        metadata=metadata.flat(500) if metadata else {},  # 500: docs.stripe.com/api/metadata
    )
