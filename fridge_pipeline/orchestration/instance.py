"""The Dagster instance: its home below FRIDGE_HOME, the name of its database, and its workspace."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import quote, urlencode

import dagster as dg
from psycopg.conninfo import conninfo_to_dict

from fridge_pipeline.orchestration.settings import REPOSITORY, Settings

#: Event rows written together: with ``InstallationEventLog`` the bookkeeping of a week takes a twentieth of the time.
EVENT_BATCH_SIZE = 200


def dagster_environment(settings: Settings) -> dict[str, str]:
    """The variables Dagster needs, with its home made ready; its storage finds the database by itself."""
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    _write(home / "dagster.yaml", (REPOSITORY / "dagster.yaml").read_text(encoding="utf-8"))
    return {
        "DAGSTER_HOME": str(home),
        "DAGSTER_EVENT_BATCH_SIZE": str(EVENT_BATCH_SIZE),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }


def hold_connections(instance: dg.DagsterInstance) -> None:
    """Lets Dagster's storage keep its connections, as its webserver does, instead of opening one per statement.

    For a process that ends with its runs: after a restart of the server a held connection fails once.
    """
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=8)


def storage_dsn(dsn: str) -> str:
    """The DSN of Dagster's database: the same server and role, the database's name with ``_dagster`` behind it."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    user, password = parts.pop("user", ""), parts.pop("password", "")
    host, port = parts.pop("host", "localhost"), parts.pop("port", "5432")
    database = parts.pop("dbname", user) + "_dagster"
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    options = f"?{urlencode(parts)}" if parts else ""
    return f"postgresql://{who}{host}:{port}/{quote(database, safe='')}{options}"


def workspace_file(settings: Settings, name: str, host: str, port: int) -> Path:
    """A workspace that names one running code server instead of starting one per daemon cycle."""
    path = settings.home / "dagster" / f"{name}.yaml"
    _write(
        path,
        f"load_from:\n  - grpc_server:\n      host: {host}\n      port: {port}\n      location_name: fridge_pipeline\n",
    )
    return path


def _write(path: Path, text: str) -> None:
    """Writes a file that other services of the installation read meanwhile: they see all of it, old or new."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text)
    written = Path(file.name)
    written.chmod(0o644)
    written.replace(path)
