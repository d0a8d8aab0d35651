"""``fridge tenants``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fridge_pipeline.catalogue.table_file import TableRefusedError
from fridge_pipeline.catalogue.tenant import TenantImport
from fridge_pipeline.catalogue.tenant_record import import_tenants
from fridge_pipeline.catalogue.tenants_file import read_tenants
from fridge_pipeline.cli.command_groups import SentenceGroup
from fridge_pipeline.cli.person_option import as_option, sign_in
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.visible import as_lines


@click.group(cls=SentenceGroup)
def tenants() -> None:
    """The tenants and the Stripe customers they are billed as."""


@tenants.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--remove-customers",
    is_flag=True,
    help="Let tenants that have a customer lose it by an empty cell; without this such a row is refused.",
)
@as_option()
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_(*, file: Path, remove_customers: bool, login: str | None, dry_run: bool, as_json: bool) -> None:
    """Create or update tenants from a CSV FILE.

    Its columns are tenant_id, name, stripe_customer_id. A stripe_customer_id is cus_ and letters or digits. An empty
    one means that the tenant has no customer yet: its usage waits as an exception. The file is taken whole or not at
    all, and judged by how the tenants stand after it: customers may be swapped, or handed to another tenant. Every
    customer that changes is named.
    """
    try:
        read = read_tenants(file.read_bytes())
    except TableRefusedError as error:
        raise click.UsageError(f"{file}: {error}") from error
    with ledger() as opened:
        sign_in(opened, login)
        with opened.database.connect() as connection, opened.database.acting(connection) as acting:
            done = import_tenants(acting, read, opened.clock(), may_remove_customers=remove_customers, dry_run=dry_run)
    echo(json.dumps({"dry_run": dry_run, **done.as_dict()}, indent=2) if as_json else _told(done, dry_run))


def _told(done: TenantImport, dry_run: bool) -> str:  # said in its one call
    counts = f"{done.created} tenants created, {done.updated} updated, {done.unchanged} unchanged"
    lines = [f"dry run, nothing was imported: {counts}" if dry_run else counts]
    lines += [str(each) for each in (*done.changed, *done.handed_on)]
    return as_lines([*lines, *(each.meaning for each in done.handed_on)])
