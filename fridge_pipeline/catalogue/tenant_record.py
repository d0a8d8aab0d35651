"""The tenants and the Stripe customers they are billed as."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from fridge_pipeline.catalogue.table_file import TableRefusedError
from fridge_pipeline.catalogue.tenant import ChangedCustomer, HandedOn, Tenant, TenantImport
from fridge_pipeline.database.queries import statement
from fridge_pipeline.stripe.rules.limits import OLDEST_TIMESTAMP


def import_tenants(
    connection: psycopg.Connection,
    tenants: Iterable[Tenant],
    now: datetime,
    *,
    may_remove_customers: bool = False,
    dry_run: bool = False,
    reason: str = "",
) -> TenantImport:
    """Creates or updates tenants, all or none; what counts is how they stand when all are in.

    So customers may be swapped or handed on within one import, in any order of the rows. Raises
    ``TableRefusedError`` when a customer would belong to two tenants, or a tenant would lose its own to nobody
    without ``may_remove_customers``. ``reason`` stays on record with each change (``fridge.tenant_changes``).
    """
    with connection.transaction(force_rollback=dry_run), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(statement("say_reason"), {"reason": reason})
        cursor.execute(statement("create_imported_tenants"))
        with cursor.copy(statement("copy_imported_tenants")) as copy:
            for each in tenants:
                copy.write_row((each.line, each.tenant_id, each.name, each.stripe_customer_id))
        cursor.execute(statement("lock_tenants"))
        changes = cursor.execute(statement("changed_customers")).fetchall()
        if problems := list(_problems(changes, may_remove_customers=may_remove_customers)):
            raise TableRefusedError(problems)
        handed_on = tuple(HandedOn(**row) for row in cursor.execute(statement("handed_on_customers")).fetchall())
        counts: dict[str, int] = cursor.execute(statement("count_imported_tenants")).fetchone() or {}
        cursor.execute(statement("clear_changed_customers"), {"now": now})
        cursor.execute(statement("upsert_tenants"), {"now": now})
        cursor.execute(statement("drop_imported_tenants"))
    changed = (each for each in changes if each["before"] is not None)
    return TenantImport(
        **counts,
        changed=tuple(ChangedCustomer(each["tenant_id"], each["before"], each["after"]) for each in changed),
        handed_on=handed_on,
    )


def _problems(changes: Iterable[dict[str, Any]], *, may_remove_customers: bool) -> Iterator[str]:
    for each in changes:
        line = f"line {each['line']}: " if each["line"] is not None else ""
        if each["holder_id"] is not None and not each["holder_is_named"]:
            yield (
                f"{line}the customer {each['after']} of {each['tenant_id']!r} belongs to {each['holder_id']!r}, which "
                "has no row here: give that one another customer, or none, by a row in the same file"
            )
        if each["is_removed"] and not may_remove_customers:
            yield (
                f"{line}{each['tenant_id']!r} has the customer {each['before']}, and here it has none. Write the "
                "customer, or say --remove-customers if its usage is to wait until it has one again"
            )


def tenant_ids(connection: psycopg.Connection) -> set[str]:
    """Every tenant that was ever imported."""
    return {row[0] for row in connection.execute(statement("tenant_ids")).fetchall()}


@dataclass(frozen=True, slots=True)
class ListedTenant:
    """A tenant that was imported or has usage.

    ``last_hour`` is the newest hour with usage. ``hours_waiting`` is how many hours can still be billed once it has a
    customer, ``bill_until`` when the first of them is too late.
    """

    tenant_id: str
    name: str | None
    stripe_customer_id: str | None
    is_imported: bool
    last_hour: datetime | None
    hours_waiting: int
    bill_until: datetime | None


def list_tenants(connection: psycopg.Connection, now: datetime) -> list[ListedTenant]:
    """Every tenant, by its id."""
    too_late = {"too_late_until": now - OLDEST_TIMESTAMP}
    with connection.cursor(row_factory=class_row(ListedTenant)) as cursor:
        return cursor.execute(statement("listed_tenants"), too_late).fetchall()
