"""The variables by which a process that we start works on the same installation."""

from __future__ import annotations

from fridge_pipeline.installation import Ledger
from fridge_pipeline.settings import Settings


def installation_environment(ledger: Ledger) -> dict[str, str]:
    """What a child process needs to work on the same installation without starting anything."""
    database = {"FRIDGE_DATABASE_URL": ledger.database.dsn, "FRIDGE_DATABASE_URL_FILE": ""}  # never both
    return {**paths_of(ledger.settings), **database}


def paths_of(configured: Settings) -> dict[str, str]:
    """The files that the settings name, as absolute paths: another process may work in another folder."""
    named = {"FRIDGE_METERS": configured.meters_file, "FRIDGE_SOURCES": configured.sources_file}
    files = {name: str(file) for name, file in named.items() if file is not None}
    elsewhere = configured.archive != configured.home
    archive = {"FRIDGE_ARCHIVE_URI": str(configured.archive)} if elsewhere else {}
    lake = {"FRIDGE_LAKE_URI": str(configured.lake)} if configured.lake is not None else {}
    return {"FRIDGE_HOME": str(configured.home), **files, **archive, **lake}
