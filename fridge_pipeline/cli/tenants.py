"""``fridge tenants``."""

from __future__ import annotations

from pathlib import Path

import click
import polars as pl

from fridge_pipeline.adapters.postgres.tenants import Tenant, import_tenants
from fridge_pipeline.cli.context import installation

COLUMNS = ("tenant_id", "name", "stripe_customer_id")

#: What every id of a Stripe customer looks like; usage for anything else is refused by Stripe, a push too late.
CUSTOMER_ID = r"^cus_\S+$"


@click.group()
def tenants() -> None:
    """The tenants and the Stripe customers they are billed as."""


@tenants.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_(file: Path) -> None:
    """Create or update tenants from a CSV FILE with the columns tenant_id, name, stripe_customer_id.

    A stripe_customer_id begins with cus_. An empty one means that the tenant has no customer yet: its usage waits as an
    exception.
    """
    with installation() as opened, opened.database.connect() as connection:
        done = import_tenants(connection, read_tenants(file), opened.clock())
    click.echo(f"{done.created} tenants created, {done.updated} updated, {done.unchanged} unchanged")


def read_tenants(file: Path) -> list[Tenant]:
    """The tenants in a CSV file; raises a usage error that names the file and what is wrong in it."""
    try:
        frame = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise click.UsageError(f"{file}: not a CSV file: {error}") from error
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise click.UsageError(f"{file}: lacks {', '.join(missing)}; found {', '.join(frame.columns)}")
    empty = frame.with_row_index("line", offset=2).filter(pl.col("tenant_id").fill_null("").str.strip_chars() == "")
    if empty.height:
        raise click.UsageError(f"{file}: line {empty.item(0, 'line')} has no tenant_id; nothing was imported")
    repeated = frame.filter(frame["tenant_id"].is_duplicated())
    if repeated.height:
        raise click.UsageError(f"{file}: tenant {repeated.item(0, 'tenant_id')!r} stands there twice")
    customer = pl.col("stripe_customer_id").str.strip_chars()
    odd = frame.with_row_index("line", offset=2).filter(customer != "", ~customer.str.contains(CUSTOMER_ID))
    if odd.height:
        line, value = odd.item(0, "line"), odd.item(0, "stripe_customer_id")
        raise click.UsageError(
            f"{file}: line {line}: {value!r} is no Stripe customer id: those begin with cus_. Copy it from "
            "the customer's page in Stripe, or leave it empty until there is one. Nothing was imported."
        )
    return [
        Tenant(row["tenant_id"], row["name"] or None, (row["stripe_customer_id"] or "").strip() or None)
        for row in frame.iter_rows(named=True)
    ]
