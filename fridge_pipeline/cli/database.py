"""``fridge db`` and ``fridge migrate``."""

from __future__ import annotations

from contextlib import ExitStack

import click

from fridge_pipeline.cli.context import installation, settings
from fridge_pipeline.cli.terminal import echo
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.embedded.passwords import APPLICATION, FINANCE
from fridge_pipeline.database.embedded.server import EmbeddedServer
from fridge_pipeline.database.schema_description import describe_schema
from fridge_pipeline.installation import logins, utc_now
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.settings import MODELS_FOLDER


@click.group()
def db() -> None:
    """The database: where it is, and stopping the embedded server."""


@db.command()
@click.option("--finance", is_flag=True, help="The DSN of finance, which can read the marts and nothing else.")
@click.option("--owner", is_flag=True, help="The DSN of the schema's owner, for dumping and restoring the books.")
def url(*, finance: bool, owner: bool) -> None:
    """Print the DSN, starting the embedded server if need be; it stays up until `fridge db stop`.

    With it one can do what the pipeline can: read all, change nothing that is append only. The DSN holds the password.
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
        raise click.UsageError("FRIDGE_DATABASE_URL names an external server, which is not ours to stop")
    stopped = EmbeddedServer(configured.home / "postgres").stop()
    echo("stopped" if stopped else "was not running")


@db.command()
def schema() -> None:
    """Print every table and column with its meaning, as it stands in the database."""
    with installation() as opened, opened.database.connect() as connection:
        echo(describe_schema(connection), nl=False)


@click.command()
def migrate() -> None:
    """Bring schema, SQL models and rights up to date; prints what was run. Needs the owner's DSN."""
    with ExitStack() as stack:
        database, owner = logins(settings(), stack)
        prepared = prepare_database(database, MODELS_FOLDER, utc_now(), owner=owner, anew=True)
    for migration in prepared.migrations:
        echo(f"ran {migration.number:04d}_{migration.title}")
    if not prepared.migrations:
        echo("the schema is up to date")
    if not prepared.has_roles:
        echo(
            "the roles fridge_pipeline and fridge_finance are missing, or whoever signs in is no member of them: the "
            "pipeline works with the rights of whoever signs in. Have an administrator run what is missing of: "
            "create role fridge_pipeline; create role fridge_finance; grant fridge_pipeline to the role of "
            "FRIDGE_DATABASE_URL; then run fridge migrate again",
            err=True,
        )
