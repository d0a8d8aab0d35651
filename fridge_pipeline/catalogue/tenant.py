"""A tenant, and what a change of its Stripe customer means."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: Longest id in characters, of a tenant or a sensor.
ID_LENGTH_MAX = 500

#: What is shown where there is no customer.
NONE = "none"


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who is billed; ``stripe_customer_id`` is ``None`` until finance has made the customer.

    ``line`` is where it stands in its file, ``None`` when it comes from none.
    """

    tenant_id: str
    name: str | None
    stripe_customer_id: str | None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class ChangedCustomer:
    """A tenant that had a customer and has another one now, or none."""

    tenant_id: str
    before: str
    after: str | None

    def __str__(self) -> str:
        """As ``cold-one: cus_one -> none``."""
        return f"{self.tenant_id}: {self.before} -> {self.after or NONE}"


@dataclass(frozen=True, slots=True)
class HandedOn:
    """A customer of one tenant that another one has now; ``before`` had it, or has hours stated for it."""

    customer_id: str
    before: str
    after: str

    def __str__(self) -> str:
        """As ``cus_one: cold-one -> cold-one-eu``."""
        return f"{self.customer_id}: {self.before} -> {self.after}"

    @property
    def meaning(self) -> str:
        """What becomes of the hours of both."""
        return (
            f"{self.customer_id} is handed from {self.before} to {self.after}: hours already stated for {self.before} "
            f"stay with it, and an hour in which both have usage is billed to {self.customer_id} for one of them only; "
            "the other's waits as an exception that names both."
        )


@dataclass(frozen=True, slots=True)
class TenantImport:
    """What an import did, or would do."""

    created: int
    updated: int
    unchanged: int
    changed: tuple[ChangedCustomer, ...] = ()
    handed_on: tuple[HandedOn, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        return asdict(self)
