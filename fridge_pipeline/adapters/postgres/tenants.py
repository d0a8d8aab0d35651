"""The tenants and the Stripe customers they are billed as."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

import psycopg

from fridge_pipeline.adapters.postgres.statements import statement


class CustomerTakenError(ValueError):
    """Two tenants cannot share a Stripe customer: on an hour-window meter one would overwrite the other."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who is billed; ``stripe_customer_id`` is ``None`` until finance has made the customer."""

    tenant_id: str
    name: str | None
    stripe_customer_id: str | None


@dataclass(frozen=True, slots=True)
class TenantImport:
    """What an import did."""

    created: int
    updated: int
    unchanged: int


def import_tenants(connection: psycopg.Connection, tenants: Iterable[Tenant], now: datetime) -> TenantImport:
    """Creates or updates tenants, all or none. Raises ``CustomerTakenError``."""
    created = updated = unchanged = 0
    with connection.transaction():
        for tenant in tenants:
            try:
                row = connection.execute(statement("upsert_tenant"), {**asdict(tenant), "now": now}).fetchone()
            except psycopg.errors.UniqueViolation as error:
                raise CustomerTakenError(
                    f"Stripe customer {tenant.stripe_customer_id!r} of tenant {tenant.tenant_id!r} already "
                    "belongs to another tenant; give each tenant a customer of its own. Nothing was imported."
                ) from error
            created += row is not None and bool(row[0])
            updated += row is not None and not row[0]
            unchanged += row is None
    return TenantImport(created, updated, unchanged)


def tenant_ids(connection: psycopg.Connection) -> set[str]:
    """Every tenant that was ever imported."""
    return {row[0] for row in connection.execute(statement("tenant_ids")).fetchall()}
