"""``fridge sensors``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from fridge_pipeline.catalogue.register_file import read_entries
from fridge_pipeline.catalogue.register_record import import_register
from fridge_pipeline.catalogue.table_file import TableRefusedError, bytes_of
from fridge_pipeline.cli.command_groups import SentenceGroup
from fridge_pipeline.cli.person_option import as_option, sign_in
from fridge_pipeline.cli.terminal import echo, ledger


@click.group(cls=SentenceGroup)
def sensors() -> None:
    """The sensor register: which sensor belongs to which tenant."""


@sensors.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", default="", help="Why, for the record. [default: the file's name]")
@as_option()
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_(*, file: Path, reason: str, login: str | None, dry_run: bool, as_json: bool) -> None:
    """Extend the sensor register by a CSV FILE.

    Its columns are sensor_id, tenant_id, valid_from: the last is a time in ISO 8601; without an offset it is UTC. An
    entry holds until the sensor's next one, and none is ever changed. The file is taken whole or not at all. Files with
    rows of sensors that are new are read again by the next run.

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
        echo(f"{done.files} landing files are read again by the next run")
