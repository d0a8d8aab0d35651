"""``fridge db`` and ``fridge migrate``."""

from __future__ import annotations

import click

from fridge_pipeline.adapters.embedded_server.server import EmbeddedServer
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.migration import migrate as run_migrations
from fridge_pipeline.adapters.postgres.schema_description import describe_schema
from fridge_pipeline.cli.context import installation, settings


@click.group()
def db() -> None:
    """The database: where it is, and stopping the embedded server."""


@db.command()
def url() -> None:
    """Print the DSN, starting the embedded server if need be; it stays up until `fridge db stop`.

    The DSN holds the password. Example: psql "$(fridge db url)" -c 'table fridge.usage_daily'
    """
    configured = settings()
    if configured.database_url is not None:
        dsn = configured.database_url
    else:
        dsn = EmbeddedServer(configured.home / "postgres").pin().dsn()
    with Database(dsn).connect() as connection:
        run_migrations(connection)
    click.echo(dsn)


@db.command()
def stop() -> None:
    """Stop the embedded server."""
    configured = settings()
    if configured.database_url is not None:
        raise click.UsageError("FRIDGE_DATABASE_URL names an external server, which is not ours to stop")
    stopped = EmbeddedServer(configured.home / "postgres").stop()
    click.echo("stopped" if stopped else "was not running")


@db.command()
def schema() -> None:
    """Print every table and column with its meaning, as it stands in the database."""
    with installation() as opened, opened.database.connect() as connection:
        click.echo(describe_schema(connection), nl=False)


@click.command()
def migrate() -> None:
    """Bring the schema up to date; prints what was run."""
    configured = settings()
    if configured.database_url is not None:
        _migrate(configured.database_url)
        return
    with EmbeddedServer(configured.home / "postgres").hold() as address:
        _migrate(address.dsn())


def _migrate(dsn: str) -> None:
    with Database(dsn).connect() as connection:
        done = run_migrations(connection)
    for migration in done:
        click.echo(f"ran {migration.number:04d}_{migration.title}")
    if not done:
        click.echo("the schema is up to date")
