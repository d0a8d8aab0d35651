"""``fridge tenants`` and ``fridge sensors``: who is billed, and whose each sensor is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from fridge_pipeline.catalogue.register_file import read_entries
from fridge_pipeline.catalogue.register_record import import_register
from fridge_pipeline.catalogue.table_file import TableRefusedError, bytes_of
from fridge_pipeline.catalogue.tenant import NONE, TenantImport
from fridge_pipeline.catalogue.tenant_record import ListedTenant, import_tenants, list_tenants
from fridge_pipeline.catalogue.tenants_file import read_tenants
from fridge_pipeline.cli.command_groups import SentenceGroup
from fridge_pipeline.cli.person_option import as_option, sign_in
from fridge_pipeline.cli.plain_table import hour_key, minute, plain_table
from fridge_pipeline.cli.terminal import echo, ledger
from fridge_pipeline.visible import as_lines, counted


@click.group(cls=SentenceGroup)
def tenants() -> None:
    """The tenants and the Stripe customers they are billed as."""


@tenants.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--remove-customers",
    is_flag=True,
    help="Let an empty cell take a tenant's customer away; without this option such a row is refused.",
)
@as_option()
@click.option("--reason", default="", help="Why; stays on record with every change [default: the file's name].")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_(*, file: Path, remove_customers: bool, dry_run: bool, as_json: bool, **told: str | None) -> None:
    """Create or update tenants from a CSV FILE.

    Its columns are tenant_id, name, stripe_customer_id. A stripe_customer_id is cus_ and letters or digits. An
    empty one means that the tenant has no customer yet: its usage waits as an exception. The file is imported
    completely or not at all, and the order of its rows does not matter: customers may be swapped, or given to
    another tenant. The output names every customer that changes; who changed it, when and why stays on record
    (fridge.tenant_changes).

    Example: fridge tenants import tenants.csv --dry-run
    """
    try:
        read = read_tenants(bytes_of(file))
    except TableRefusedError as error:
        raise click.UsageError(f"{file}: {error}") from error
    why = (told["reason"] or "").strip() or f"tenants file {file.name}"
    with ledger() as opened:
        sign_in(opened, told["login"])
        with opened.database.connect() as connection, opened.database.acting(connection) as acting:
            done = import_tenants(
                acting, read, opened.clock(), may_remove_customers=remove_customers, dry_run=dry_run, reason=why
            )
    echo(json.dumps({"dry_run": dry_run, **done.as_dict()}, indent=2) if as_json else _told(done, dry_run))


@tenants.command("list")
@click.option("--unmapped", is_flag=True, help="Only those without a Stripe customer.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_(*, unmapped: bool, as_json: bool) -> None:
    """List the tenants with their customers and what waits for one.

    LAST HOUR is the newest one with usage. WAITING is how many hours can still be billed once the tenant has a
    customer, UNTIL when the first of them is too late (UTC). Tenants that have usage and were never imported are
    listed too.

    Example: fridge tenants list --unmapped
    """
    with ledger() as opened, opened.database.connect() as connection:
        listed = list_tenants(connection, opened.clock())
    found = [each for each in listed if not (unmapped and each.stripe_customer_id)]
    if as_json:
        echo(json.dumps([_as_mapping(each) for each in found], indent=2))
        return
    if found:
        names = ("TENANT", "CUSTOMER", "LAST HOUR", "WAITING", "UNTIL", "NAME")
        echo(plain_table(names, [_row(each) for each in found]))
    echo(counted(len(found), "tenant"), err=True)


def _row(each: ListedTenant) -> Sequence[object]:
    customer = each.stripe_customer_id or (NONE if each.is_imported else "not imported")
    return each.tenant_id, customer, hour_key(each.last_hour), each.hours_waiting, minute(each.bill_until), each.name


def _as_mapping(each: ListedTenant) -> dict[str, object]:
    return {
        **asdict(each),
        "last_hour": hour_key(each.last_hour),
        "bill_until": each.bill_until.isoformat() if each.bill_until else None,
    }


def _told(done: TenantImport, dry_run: bool) -> str:  # said in its one call
    counts = f"{done.created} tenants created, {done.updated} updated, {done.unchanged} unchanged"
    lines = [f"dry run, nothing was imported: {counts}" if dry_run else counts]
    lines += [str(each) for each in (*done.changed, *done.handed_on)]
    return as_lines([*lines, *(each.meaning for each in done.handed_on)])


@click.group(cls=SentenceGroup)
def sensors() -> None:
    """The sensor register: which sensor belongs to which tenant."""


@sensors.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", default="", help="Why, for the record. [default: the file's name]")
@as_option()
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_sensors(*, file: Path, reason: str, login: str | None, dry_run: bool, as_json: bool) -> None:
    """Extend the sensor register by a CSV FILE.

    Its columns are sensor_id, tenant_id, valid_from: the last is a time in ISO 8601; without an offset it is UTC.
    An entry holds until the sensor's next one, and none is ever changed. The file is imported completely or not at
    all. The next run reads files again that have rows of the new sensors.

    Example: fridge sensors import register.csv --reason "delivery note 4711"
    """
    try:
        entries = read_entries(bytes_of(file))
        with ledger() as opened:
            sign_in(opened, login)
            done = import_register(opened.database, entries, reason.strip() or file.name, dry_run=dry_run)
    except TableRefusedError as error:
        raise click.UsageError(f"{file}: {error}") from error
    if as_json:
        echo(json.dumps({"dry_run": dry_run, **asdict(done)}, indent=2))
        return
    counts = f"{done.added} entries added, {done.unchanged} were there already"
    echo(f"dry run, nothing was imported: {counts}" if dry_run else counts)
    if done.files:
        echo(f"read again by the next run: {counted(done.files, 'landing file')}")
    if done.settled_files:
        echo(
            f"settled, so not billed: {counted(done.settled_rows, 'row')} of "
            f"{counted(done.settled_files, 'landing file')}; if they are to be, have the files delivered again under "
            "other names"
        )
