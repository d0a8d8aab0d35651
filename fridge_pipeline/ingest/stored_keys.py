"""Integer keys of tenants and sensors, and the identities of readings that are stored already."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl
import psycopg

from fridge_pipeline.database.connection import streamed
from fridge_pipeline.database.queries import statement
from fridge_pipeline.ingest.rules.reading import IDENTITY

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi as adbc_dbapi


_IDS = ["tenant_id", "sensor_id"]
_KNOWN = pl.Schema(
    {"tenant_id": pl.String(), "sensor_id": pl.String(), "sensor_key": pl.Int32(), "tenant_number": pl.Int32()}
)


#: So many bytes of ids are remembered; beyond, those that come again are looked up in the database again.
KNOWN_BYTES_MAX = 2**26


class SensorDirectory:
    """Text ids to the integer keys under which readings are stored; remembers the ids it has seen.

    Its memory follows the number of sensors, not of readings, up to a limit; tenants are its owner's to watch. New ids
    are committed at once, outside the load of the file that brings them: an id without readings harms nobody, and loads
    do not wait for each other. So the connection is not the one that the load is on, and it is one that a second thread
    may use meanwhile.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._known = _KNOWN.to_frame()
        self._is_of_one_tenant = True
        self._tenants = pl.DataFrame(schema={"tenant_id": pl.String, "tenant_number": pl.Int32})
        self._numbers = pl.Series(dtype=pl.Int32)
        self._months: set[datetime] = set()

    def with_keys(self, readings: pl.DataFrame) -> pl.DataFrame:
        """The same rows in the same order, with ``sensor_key`` for their ``tenant_id`` and ``sensor_id``.

        ``tenant_number`` stands for the tenant, within this directory.
        """
        if sum(map(_text_bytes, (self._known[name] for name in _IDS))) > KNOWN_BYTES_MAX:
            self._known = self._known.clear()
        keyed = self._looked_up(readings)
        unknown = keyed.filter(pl.col("sensor_key").is_null()).select(_IDS).unique()
        if unknown.is_empty():
            return keyed
        self._remember(self._register(unknown))
        return self._looked_up(readings)

    def forget(self) -> None:
        """Begins anew: who has numbers of tenants from before must not ask for them any more."""
        self._known = _KNOWN.to_frame()
        self._tenants = self._tenants.clear()
        self._numbers = self._numbers.clear()

    @property
    def tenant_bytes(self) -> int:
        """The bytes of all tenants' ids so far."""
        return _text_bytes(self._tenants["tenant_id"])

    @property
    def tenants(self) -> pl.DataFrame:
        """Every tenant so far: ``tenant_id`` and ``tenant_number``."""
        return self._tenants

    def tenant_numbers(self, sensor_keys: pl.Series) -> pl.Series:
        """The ``tenant_number`` of each of these sensor keys, all of which this directory gave.

        By their places in a list as long as the highest key: a join costs ten times as much.
        """
        return self._numbers.gather(sensor_keys)

    def ensure_months(self, moments: pl.Series) -> None:
        """Makes the monthly partitions that readings at these times need."""
        bounds = pl.Series([moments.min(), moments.max()]).dt.truncate("1mo")
        within_one = bounds[0] == bounds[1]
        for month in (bounds.head(1) if within_one else moments.dt.truncate("1mo").unique().sort()).to_list():
            if month not in self._months:
                self._connection.execute(statement("ensure_month"), {"moment": month})
                self._months.add(month)

    def _looked_up(self, readings: pl.DataFrame) -> pl.DataFrame:
        """By the sensor alone while each is of one tenant, at half the cost of both ids."""
        if self._is_of_one_tenant:
            known = self._known.rename({"tenant_id": "its_tenant"})
            keyed = readings.join(known, on="sensor_id", how="left", validate="m:1", maintain_order="left")
            if keyed["its_tenant"].eq_missing(keyed["tenant_id"]).all():
                return keyed.drop("its_tenant")
        return readings.join(self._known, on=_IDS, how="left", validate="m:1", maintain_order="left")

    def _register(self, unknown: pl.DataFrame) -> pl.DataFrame:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(statement("want_sensors"))
            with cursor.copy(statement("copy_wanted_sensors")) as copy:
                for row in unknown.iter_rows():
                    copy.write_row(row)
            cursor.execute(statement("add_sensors"))
            # A statement of its own, so that it sees what another load has registered meanwhile.
            rows = cursor.execute(statement("sensor_keys")).fetchall()
        if len(rows) != unknown.height:
            raise RuntimeError(f"registered {unknown.height} sensors, but PostgreSQL knows {len(rows)}")
        return pl.DataFrame(rows, schema=_KNOWN.names()[:3], orient="row").cast({"sensor_key": pl.Int32})

    def _remember(self, registered: pl.DataFrame) -> None:
        """Puts whole new frames in the place of the old ones, which the other thread may be reading."""
        new = registered.select("tenant_id").unique().join(self._tenants, on="tenant_id", how="anti")
        numbered = new.with_row_index("tenant_number", self._tenants.height)
        self._tenants = pl.concat([self._tenants, numbered.select(self._tenants.columns).cast(self._tenants.schema)])
        own = registered.join(self._tenants, on="tenant_id", how="left", validate="m:1", maintain_order="left")
        known = pl.concat([self._known, own.select(_KNOWN.names())])
        self._known, self._is_of_one_tenant = known, known["sensor_id"].is_unique().all()
        length = max(len(self._numbers), int(own["sensor_key"].max()) + 1)  # type: ignore[arg-type]  # integers
        numbers = self._numbers.extend_constant(None, length - len(self._numbers))
        self._numbers = numbers.scatter(own["sensor_key"], own["tenant_number"])


def _text_bytes(texts: pl.Series) -> int:
    return int(texts.str.len_bytes().sum())


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
