"""Shadow mode: our count beside what another system has stated to Stripe, for hours that we do not bill."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from fridge_pipeline.calendar.hour import Hour


@dataclass(frozen=True, slots=True)
class ComparedHour:
    """One tenant, meter and hour: ``usage`` is our count, ``stripe`` what Stripe adds up; ``None`` where there is none.

    Without a ``stripe_customer_id`` there are no books in Stripe to be read.
    """

    tenant_id: str
    event_name: str
    stripe_customer_id: str | None
    hour: Hour
    usage: int | None
    stripe: Decimal | None

    @property
    def difference(self) -> Decimal:
        """Stripe less our count: above 0 the other system has stated more than was stored."""
        return (self.stripe or Decimal(0)) - (self.usage or 0)


@dataclass(slots=True)
class ComparedAccount:
    """All compared hours of a tenant, meter and customer, added up."""

    tenant_id: str
    event_name: str
    stripe_customer_id: str | None
    hours: int = 0
    hours_differing: int = 0
    usage: int = 0
    stripe: Decimal = Decimal(0)

    @property
    def difference(self) -> Decimal:
        """Stripe less our count; hours that make up for each other do not show in it."""
        return self.stripe - self.usage


def accounts_of(hours: Iterable[ComparedHour]) -> list[ComparedAccount]:
    """The accounts of these hours, in order of tenant and meter."""
    accounts: dict[tuple[str, str, str], ComparedAccount] = {}
    for each in hours:
        key = (each.tenant_id, each.event_name, each.stripe_customer_id or "")
        account = accounts.setdefault(key, ComparedAccount(each.tenant_id, each.event_name, each.stripe_customer_id))
        account.hours += 1
        account.hours_differing += each.difference != 0
        account.usage += each.usage or 0
        account.stripe += each.stripe or Decimal(0)
    return [accounts[key] for key in sorted(accounts)]
