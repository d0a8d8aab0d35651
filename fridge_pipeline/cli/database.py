"""``fridge migrate``, ``fridge db`` and ``fridge sql``."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack

import click

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.cli.command_groups import SentenceGroup
from fridge_pipeline.cli.options import HourKey
from fridge_pipeline.cli.terminal import echo, ledger, settings
from fridge_pipeline.database.check_models import TestResult, check_models
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.logins import APPLICATION, FINANCE
from fridge_pipeline.database.embedded.server import EmbeddedServer
from fridge_pipeline.database.fill_models import count_rows, fill_hours, fill_tables, keep_figures
from fridge_pipeline.database.models import Severity, SqlModel, read_models
from fridge_pipeline.database.people_record import ReaderDrift, find_reader_drift
from fridge_pipeline.database.schema import describe_schema
from fridge_pipeline.installation import logins, utc_now
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.settings import MODELS_FOLDER
from fridge_pipeline.visible import as_lines


@click.group(cls=SentenceGroup)
def db() -> None:
    """The database: where it is, and stopping the embedded server."""


@db.command()
@click.option("--finance", is_flag=True, help="The DSN of finance, which reads marts and decisions, and nothing else.")
@click.option("--owner", is_flag=True, help="The DSN of the schema's owner, for dumping and restoring the books.")
def url(*, finance: bool, owner: bool) -> None:
    """Print the database's address (DSN), and start the embedded server if necessary.

    The server stays up until `fridge db stop`. This login has the rights of the pipeline: it reads everything, and
    changes nothing that is append only. The DSN holds the password.

    Example: psql "$(fridge db url)" -c 'table fridge.usage_daily'
    """
    configured = settings()
    if finance and owner:
        raise click.UsageError("--finance and --owner are two logins: name one")
    if configured.database_url is not None:
        if finance or owner:
            raise click.UsageError("FRIDGE_DATABASE_URL names an external server, and no other login of it")
        prepare_database(Database(configured.database_url), MODELS_FOLDER, utc_now(), leave_newer=True)
        click.echo(configured.database_url)
        return
    server = EmbeddedServer(configured.home / "postgres")
    pinned = server.pin()
    daily = server.signed_in(pinned, APPLICATION)
    prepare_database(Database(daily.dsn()), MODELS_FOLDER, utc_now(), owner=Database(pinned.dsn()))
    click.echo((pinned if owner else server.signed_in(pinned, FINANCE) if finance else daily).dsn())


@db.command()
def stop() -> None:
    """Stop the embedded server."""
    configured = settings()
    if configured.database_url is not None:
        raise click.UsageError("FRIDGE_DATABASE_URL names an external server, which this command does not stop")
    stopped = EmbeddedServer(configured.home / "postgres").stop()
    echo("stopped" if stopped else "was not running")


@db.command()
def schema() -> None:
    """Print every table and column with its meaning, as it is in the database."""
    with ledger() as opened, opened.database.connect() as connection:
        echo(describe_schema(connection), nl=False)


@click.command()
def migrate() -> None:
    """Bring schema, SQL models and rights up to date; prints what was run. Needs the owner's DSN."""
    configured = settings()
    with ExitStack() as stack:
        database, owner = logins(configured, stack)
        if configured.database_url is None:
            EmbeddedServer(configured.home / "postgres").restore_logins()
        prepared = prepare_database(database, MODELS_FOLDER, utc_now(), owner=owner, anew=True)
        with prepared.database.connect() as connection:
            drifts = find_reader_drift(connection)
    for migration in prepared.migrations:
        echo(f"ran {migration.name}")
    if not prepared.migrations:
        echo("the schema is up to date")
    if not prepared.has_roles:
        echo(
            "the roles fridge_pipeline and fridge_finance are missing, or whoever signs in is no member of them: the "
            "pipeline works with the rights of whoever signs in. Have an administrator run what is missing of: "
            "create role fridge_pipeline; create role fridge_finance; create role fridge_metrics; grant "
            "fridge_pipeline to the role of FRIDGE_DATABASE_URL; then run fridge migrate again",
            err=True,
        )
    if drifts:
        echo(for_an_administrator(drifts), err=True)


def for_an_administrator(drifts: list[ReaderDrift]) -> str:
    """What is left to do, as a script for psql."""
    lines = [
        "-- Finance's logins can do more than read, and this role may not change that. Have a superuser run in this",
        "-- database, and see docs/security.md, A reader:",
    ]
    for drift in drifts:
        lines += [f"-- {drift.says}", f"{drift.repair};"]
    return as_lines(lines)


@click.group(cls=SentenceGroup)
def sql() -> None:
    """Run and test the SQL models that finance reads (dbt_like_sql/)."""


@sql.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.option("--from", "first", type=HourKey(), help="First hour to fill again, e.g. 2026-01-24-18:00.")
@click.option("--to", "last", type=HourKey(), help="Last hour to fill again, included.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run(names: tuple[str, ...], first: Hour | None, last: Hour | None, as_json: bool) -> None:
    """Make the models as their files say, and fill them: all, or those named.

    Views are always current. Tables are filled again. Models that are filled by the hour are filled only for the
    hours from --from to --to. Kept figures are made again where their sources have changed, unless models are named.

    Example: fridge sql run sensor_hours recorded_months --from 2026-01-24-00:00 --to 2026-01-24-23:00
    """
    if (first is None) != (last is None):
        raise click.UsageError("give both --from and --to, or neither")
    hours = HourRange(first, last) if first is not None and last is not None else None
    models = _chosen(read_models(MODELS_FOLDER), names)
    with ledger() as opened:
        filled = fill_hours(opened.database, models, hours, opened.catalogue, opened.clock) if hours is not None else {}
        fill_tables(opened.database, models, opened.catalogue)
        if not names:
            keep_figures(opened.database, models)
        rows = {name: sum(per_hour.values()) for name, per_hour in filled.items()}
        rows |= count_rows(opened.database, [model for model in models if model.name not in filled])
    if as_json:
        echo(json.dumps(rows))
    else:
        for name, count in rows.items():
            echo(f"{name:24} {count:>12,} rows")


@sql.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def test(names: tuple[str, ...], as_json: bool) -> None:
    """Test what must be true of the models: all, or those named.

    Exit code 1 if a test fails, unless it is only a warning.
    """
    models = _chosen(read_models(MODELS_FOLDER), names)
    with ledger() as opened:
        results = list(check_models(opened.database, models))
    echo(json.dumps([as_mapping(result) for result in results], default=str) if as_json else as_text(results))
    if any(not result.holds and result.test.severity is Severity.ERROR for result in results):
        sys.exit(1)


def as_mapping(result: TestResult) -> dict[str, object]:
    """One result for scripts."""
    return {
        "model": result.test.model,
        "test": result.test.name,
        "says": result.test.says,
        "severity": result.test.severity.value,
        "holds": result.holds,
        "rows": result.count,
        "examples": result.examples,
    }


def as_text(results: list[TestResult]) -> str:
    """What failed, with examples, and how many held."""
    lines = []
    for result in results:
        if not result.holds:
            word = "FAILS" if result.test.severity is Severity.ERROR else "warns"
            lines.append(f"{word}  {result.test.model}.{result.test.name}: {result.test.says}")
            lines.append(f"       {result.count} rows contradict it, such as")
            lines += [
                "         " + ", ".join(f"{name}={value}" for name, value in row.items()) for row in result.examples
            ]
    holding = sum(result.holds for result in results)
    return as_lines([*lines, f"{holding} of {len(results)} tests hold"])


def _chosen(models: list[SqlModel], names: tuple[str, ...]) -> list[SqlModel]:
    known = {model.name for model in models}
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"no model {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return [model for model in models if not names or model.name in names]
