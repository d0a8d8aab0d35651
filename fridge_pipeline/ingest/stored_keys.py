"""The identities of readings that are stored already, as far as a portion of new ones may meet them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from fridge_pipeline.database.queries import statement
from fridge_pipeline.database.streaming import streamed
from fridge_pipeline.ingest.rules.reading import IDENTITY

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi as adbc_dbapi

#: Reading all keys between the first and the last new reading is quickest while there are not many more of them
#: than new ones. Beyond (late readings, spread thinly over weeks of others) each new one is looked up in the index.
STORED_PER_NEW_MAX = 3

#: So many keys are read sooner than the first is looked up.
STORED_ALWAYS_READ = 20_000


class StoredKeys:
    """Asks PostgreSQL which identities are stored, in the transaction of a load: what it stored itself included."""

    def __init__(self, connection: adbc_dbapi.Connection) -> None:
        self._connection = connection

    def without_stored(self, readings: pl.DataFrame) -> pl.DataFrame:
        """Those of the readings, sorted by ``IDENTITY``, that are not stored yet."""
        stored = self._between(readings)
        if stored is None:
            stored = self._among(readings)
        if stored.is_empty():
            return readings
        return readings.join(stored, on=IDENTITY, how="anti", maintain_order="left")

    def _between(self, readings: pl.DataFrame) -> pl.DataFrame | None:
        """All keys from the first to the last of the readings; None when there are too many to read."""
        keys_max = STORED_PER_NEW_MAX * readings.height + STORED_ALWAYS_READ
        (first_at, first_sensor), (last_at, last_sensor) = (readings.select(IDENTITY).row(row) for row in (0, -1))
        bounds = {"first_at": first_at, "first_sensor": first_sensor, "last_at": last_at, "last_sensor": last_sensor}
        batches = streamed(self._connection, "keys_between", **bounds, keys_max=keys_max + 1)
        stored = pl.concat([readings.select(IDENTITY).clear(), *batches])
        return stored if stored.height <= keys_max else None

    def _among(self, readings: pl.DataFrame) -> pl.DataFrame:
        """The keys among those of the readings, looked up one by one."""
        first, last = readings.item(0, "recorded_at"), readings.item(-1, "recorded_at")
        with self._connection.cursor() as cursor:
            cursor.execute("drop table if exists pg_temp.candidate_keys")
            cursor.adbc_ingest("candidate_keys", readings.select(IDENTITY).to_arrow(), mode="create", temporary=True)
            cursor.execute(statement("keys_among_candidates"), (first, last))
            return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))
