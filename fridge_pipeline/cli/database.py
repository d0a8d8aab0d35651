"""``fridge db`` and ``fridge migrate``."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from fridge_pipeline.adapters.embedded_server.server import EmbeddedServer
from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.roles import FINANCE
from fridge_pipeline.adapters.postgres.schema_description import describe_schema
from fridge_pipeline.cli.context import installation, settings
from fridge_pipeline.cli.terminal import echo
from fridge_pipeline.orchestration.installation import utc_now
from fridge_pipeline.orchestration.settings import MODELS_FOLDER, Settings
from fridge_pipeline.steps.prepare_database import prepare_database


@click.group()
def db() -> None:
    """The database: where it is, and stopping the embedded server."""


@db.command()
@click.option("--finance", is_flag=True, help="The DSN of finance, which can read the marts and nothing else.")
def url(*, finance: bool) -> None:
    """Print the DSN, starting the embedded server if need be; it stays up until `fridge db stop`.

    The DSN holds the password. Example: psql "$(fridge db url)" -c 'table fridge.usage_daily'
    """
    configured = settings()
    if finance and configured.database_url is not None:
        raise click.UsageError("FRIDGE_DATABASE_URL names an external server, which gives finance its own password")
    if configured.database_url is not None:
        dsn = configured.database_url
    else:
        dsn = EmbeddedServer(configured.home / "postgres").pin().dsn()
    prepare_database(Database(dsn), MODELS_FOLDER, utc_now(), leave_newer=configured.database_url is not None)
    click.echo(_for_finance(dsn, configured) if finance else dsn)


def _for_finance(dsn: str, configured: Settings) -> str:
    password = EmbeddedServer(configured.home / "postgres").finance_password()
    parts = urlsplit(dsn)
    return parts._replace(netloc=f"{FINANCE}:{password}@{parts.hostname}:{parts.port}").geturl()


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
    configured = settings()
    if configured.database_url is not None:
        _migrate(configured.database_url)
        return
    with EmbeddedServer(configured.home / "postgres").hold() as address:
        _migrate(address.dsn())


def _migrate(dsn: str) -> None:
    prepared = prepare_database(Database(dsn), MODELS_FOLDER, utc_now(), anew=True)
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
