"""The settings of where things are: files, database, landing zone, archive, and the addresses that people open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainValidator

from fridge_pipeline import setting_values as values
from fridge_pipeline.ingest.rules.location import Location
from fridge_pipeline.setting_values import variable

#: The checkout: ``workspace.yaml``, ``dagster.yaml`` and ``dbt_like_sql/`` lie here.
REPOSITORY = Path(__file__).resolve().parents[1]

#: ``FRIDGE_HOME`` when it is not set.
DEFAULT_HOME = REPOSITORY / ".fridge"


class Places(BaseModel):
    """The first of the settings; ``Settings`` goes on with the others."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    home: Annotated[Path, PlainValidator(values.absolute)] = variable(
        "FRIDGE_HOME",
        DEFAULT_HOME,
        "the folder for everything that the program writes",
        shown="`.fridge/` in the checkout",
    )
    database_url: Annotated[str | None, PlainValidator(values.dsn)] = variable(
        "FRIDGE_DATABASE_URL",
        None,
        "`postgresql://user:password@host:port/name`",
        shown="an embedded PostgreSQL in `FRIDGE_HOME`",
        secret=True,
    )
    finance_url: Annotated[str | None, PlainValidator(values.dsn)] = variable(
        "FRIDGE_FINANCE_DATABASE_URL",
        None,
        "the same database with [a login that only reads](for-finance.md#the-console), for the console",
        shown="finance's login of the embedded PostgreSQL",
        secret=True,
    )
    landing_uri: Annotated[str, PlainValidator(values.landing_uri)] = variable(
        "FRIDGE_LANDING_URI",
        lambda before: str(before["home"] / "landing"),
        "the landing root: a folder, `file://…`, or `s3://bucket/prefix` "
        "([In an object store](landing-files.md#in-an-object-store))",
        shown="`FRIDGE_HOME/landing`",
    )
    archive: Annotated[Location, PlainValidator(values.archive)] = variable(
        "FRIDGE_ARCHIVE_URI",
        lambda before: before["home"],
        "where evidence packs and reports go: a folder, `file://…`, or "
        "[`s3://bucket/prefix`](operations.md#packs-and-reports-in-an-object-store)",
        shown="`FRIDGE_HOME`",
    )
    lake: Annotated[Location | None, PlainValidator(values.archive)] = variable(
        "FRIDGE_LAKE_URI",
        None,
        "where Delta tables go every hour ([The lake](operations.md#the-lake)): a folder, `file://…`, or "
        "`s3://bucket/prefix`",
        shown="none",
    )
    reports_url: Annotated[str | None, PlainValidator(values.web_address)] = variable(
        "FRIDGE_REPORTS_URL",
        None,
        "the web address of the folder `reports` of the archive; `fridge up` serves it",
        shown="",
    )
    console_url: Annotated[str | None, PlainValidator(values.web_address)] = variable(
        "FRIDGE_CONSOLE_URL",
        None,
        "the console's web address behind a proxy, also for `fridge link`",
        shown="",
    )
    ui_url: Annotated[str | None, PlainValidator(values.web_address)] = variable(
        "FRIDGE_UI_URL",
        None,
        "the Dagster UI's web address behind a proxy, also for links in alerts",
        shown="",
    )
    source_url: Annotated[str | None, PlainValidator(values.web_address)] = variable(
        "FRIDGE_SOURCE_URL",
        None,
        "where this code is on the web, such as `https://github.com/us/fridge/blob/{commit}`, for links from assets",
        shown="the files of this machine",
    )
    ui_user_header: str | None = variable(
        "FRIDGE_UI_USER_HEADER",
        None,
        "the header in which a proxy names the person, such as `X-Forwarded-User` "
        "([Who launched a run](security.md#who-launched-a-run)); the console then refuses requests without it",
        shown="none",
    )

    @property
    def uses_embedded_server(self) -> bool:
        """Whether the database is the embedded server under ``home``."""
        return self.database_url is None

    @property
    def landing_is_default(self) -> bool:
        """Whether the landing zone is our own folder, which we make."""
        return self.landing_uri == str(self.home / "landing")

    @property
    def workspace(self) -> Path:
        """Where landing files are copied to while they are read."""
        return self.home / "work"
