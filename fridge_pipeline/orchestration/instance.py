"""The Dagster instance: its home below FRIDGE_HOME, the name of its database, and its workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import yaml
from psycopg.conninfo import conninfo_to_dict

from fridge_pipeline.database.private_folder import make_private
from fridge_pipeline.settings import REPOSITORY, Settings

if TYPE_CHECKING:
    import dagster as dg

#: Event rows written together: with ``InstallationEventLog`` the bookkeeping of a week takes a twentieth of the time.
EVENT_BATCH_SIZE = 200

MODULE = "fridge_pipeline.definitions"

#: Under which Dagster keeps cursors and the states of schedules.
LOCATION = "fridge_pipeline"

#: ``sun_path`` of a socket's address is 108 bytes on Linux and 104 on macOS, the end included (unix(7), unix(4)).
SOCKET_PATH_BYTES_MAX = 103


class SocketPathError(ValueError):
    """A path cannot be a socket's address."""


def dagster_environment(settings: Settings) -> dict[str, str]:
    """The variables Dagster needs, with its home made ready; its storage finds the database by itself."""
    home = _dagster_home(settings)
    _write(home / "dagster.yaml", (REPOSITORY / "dagster.yaml").read_text(encoding="utf-8"))
    return {
        "DAGSTER_HOME": str(home),
        "DAGSTER_EVENT_BATCH_SIZE": str(EVENT_BATCH_SIZE),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }


def hold_connections(instance: dg.DagsterInstance) -> None:
    """Lets Dagster's storage keep its connections, as its webserver does, instead of opening one per statement.

    For a process that ends with its runs. One that a restart of the server has ended is opened anew before it is used.
    """
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=8)
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        storage._engine.pool._pre_ping = True  # type: ignore[union-attr] # noqa: SLF001 # Dagster has no such option


def storage_dsn(dsn: str) -> str:
    """The DSN of Dagster's database: the same server and role, the database's name with ``_dagster`` behind it."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    user, password = parts.pop("user", ""), parts.pop("password", "")
    host, port = parts.pop("host", "localhost"), parts.pop("port", "5432")
    database = parts.pop("dbname", user) + "_dagster"
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    options = f"?{urlencode(parts)}" if parts else ""
    return f"postgresql://{who}{host}:{port}/{quote(database, safe='')}{options}"


@dataclass(frozen=True, slots=True)
class CodeAddress:
    """Where a code server answers: a socket in a private folder, or a port, for another machine."""

    socket: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def options(self) -> list[str]:
        """What Dagster's commands that serve code, or ask it, take."""
        if self.socket is not None:
            return ["--socket", str(self.socket)]
        return ["--host", self.host, "--port", str(self.port)]

    def __str__(self) -> str:
        return str(self.socket) if self.socket is not None else f"{self.host}:{self.port}"


def code_socket(settings: Settings, name: str) -> Path:
    """Where this installation's code server of that name listens: nobody else can enter the folder.

    Raises ``SocketPathError`` where the path cannot be an address.
    """
    path = make_private(settings.home) / f"{name}.socket"
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX or "%" in str(path):  # gRPC takes %41 for an A
        raise SocketPathError(
            f"{path} cannot be a socket's path: that has {SOCKET_PATH_BYTES_MAX} bytes at most, and no %. Name another "
            "FRIDGE_HOME, or a socket of your own with --socket"
        )
    return path


def workspace_file(settings: Settings, name: str, code: CodeAddress) -> Path:
    """A workspace that names one running code server instead of starting one per daemon cycle."""
    where = {"socket": str(code.socket)} if code.socket is not None else {"host": code.host, "port": code.port}
    return _workspace(settings, name, {"grpc_server": {**where, "location_name": LOCATION}})


def workspace_file_without_server(settings: Settings, name: str) -> Path:
    """A workspace whose code the process that reads it loads itself, with no more secrets than it has."""
    return _workspace(settings, name, {"python_module": {"module_name": MODULE, "location_name": LOCATION}})


def _workspace(settings: Settings, name: str, location: Mapping[str, object]) -> Path:
    path = _dagster_home(settings) / f"{name}.yaml"
    _write(path, yaml.safe_dump({"load_from": [location]}, sort_keys=False))
    return path


def _dagster_home(settings: Settings) -> Path:
    home = make_private(settings.home) / "dagster"
    home.mkdir(exist_ok=True)
    return home


def _write(path: Path, text: str) -> None:
    """Writes a file that other services of the installation read meanwhile: they see all of it, old or new."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text)
    written = Path(file.name)
    written.chmod(0o644)
    written.replace(path)
