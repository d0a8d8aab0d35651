"""Arrow's driver reads every type of a database before its first statement: as long as a short test takes.

The databases of a test run are copies of one template, so what was read of the first holds for all of them. Everything
else about a connection is the driver's own.
"""

from __future__ import annotations

import adbc_driver_manager
import adbc_driver_postgresql


class _KeptDatabase(adbc_driver_manager.AdbcDatabase):
    """What the driver knows of types; a connection that ends leaves it to the next one."""

    def close(self) -> None:
        """Stays open until the process ends."""


class ReadOnce:
    """In place of ``adbc_driver_postgresql.connect``."""

    def __init__(self) -> None:
        self._kept: _KeptDatabase | None = None

    def __call__(self, uri: str, db_kwargs: dict[str, str] | None = None) -> adbc_driver_manager.AdbcDatabase:
        """The database at this address, with the types of the first one."""
        assert not db_kwargs, db_kwargs
        if self._kept is None:
            self._kept = _KeptDatabase(driver=adbc_driver_postgresql._driver_path(), uri=uri)
        self._kept.set_options(uri=uri)
        return self._kept
