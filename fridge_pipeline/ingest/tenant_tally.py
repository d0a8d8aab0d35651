"""The tally of tenants while files are loaded: whose rows each file holds, and what became of them (law L3)."""

from __future__ import annotations

import polars as pl

from fridge_pipeline.ingest.rules.rejected_file import NAMED_MAX
from fridge_pipeline.ingest.sensor_directory import SensorDirectory

#: Sums of several batches are added up once they are so many: memory follows files and tenants, not readings.
SUMS_MAX = 500_000

#: Or once the tenants of rejected rows take so many bytes.
REJECTED_BYTES_MAX = 2**24

#: What a file's number is multiplied by, to leave room for the number of a tenant.
_PER_FILE = 2**32

_SUMS = pl.Schema({"key": pl.Int64(), "count": pl.Int64()})
_OF_TENANT = ["file_id", "tenant_id"]
_REJECTED = pl.Schema({"file_id": pl.Int32(), "tenant_id": pl.String(), "count": pl.Int64()})


class TenantTally:
    """Counts the rows of some files per file and tenant, a batch at a time, and never row by row.

    What is read is added by the thread that prepares, and what is stored by the one that stores: each has a list of its
    own, and both have ended when the sums are taken.
    """

    def __init__(self, sensors: SensorDirectory) -> None:
        self._sensors = sensors
        self._valid: list[pl.DataFrame] = []
        self._inserted: list[pl.DataFrame] = []
        self._rejected: list[pl.DataFrame] = []

    def add_valid(self, readings: pl.DataFrame) -> None:
        """Valid readings with ``file_id`` and ``tenant_number``, duplicates and all."""
        _add(self._valid, _counted(readings["file_id"], readings["tenant_number"]))

    def add_inserted(self, readings: pl.DataFrame) -> None:
        """Readings that were stored for the first time, with ``file_id`` and ``sensor_key``."""
        _add(self._inserted, _counted(readings["file_id"], self._sensors.tenant_numbers(readings["sensor_key"])))

    def add_rejected(self, rejected: pl.DataFrame) -> None:
        """Rejected rows with ``file_id`` and ``tenant_id``, null where nobody knows whose they are."""
        self._rejected.append(
            rejected.group_by(_OF_TENANT, maintain_order=True).agg(pl.len().cast(pl.Int64).alias("count"))
        )
        if sum(frame.height for frame in self._rejected) > SUMS_MAX or self.rejected_bytes > REJECTED_BYTES_MAX:
            self._rejected = [_first_named(pl.concat(self._rejected))]

    @property
    def rejected_bytes(self) -> int:
        """What the tenants of rejected rows take in memory, about."""
        return sum(int(frame["tenant_id"].str.len_bytes().sum()) for frame in self._rejected)

    def summed(self) -> pl.DataFrame:
        """One row per file and tenant, in this order, with the counts as they go on record."""
        parts = [
            self._named(self._valid).rename({"count": "valid"}),
            self._named(self._inserted).rename({"count": "inserted_count"}),
            _first_named(pl.concat([_REJECTED.to_frame(), *self._rejected])).rename({"count": "rejected_count"}),
        ]
        return (
            pl.concat(parts, how="diagonal")
            .group_by("file_id", "tenant_id")
            .agg(pl.col("valid", "inserted_count", "rejected_count").sum())
            .with_columns(
                row_count=pl.col("valid") + pl.col("rejected_count"),
                duplicate_count=pl.col("valid") - pl.col("inserted_count"),
            )
            .sort("file_id", "tenant_id")  # PostgreSQL takes sorted rows sooner
        )

    def _named(self, sums: list[pl.DataFrame]) -> pl.DataFrame:
        return (
            pl.concat([_SUMS.to_frame(), *sums])
            .select(
                (pl.col("key") // _PER_FILE).cast(pl.Int32).alias("file_id"),
                (pl.col("key") % _PER_FILE).cast(pl.Int32).alias("tenant_number"),
                "count",
            )
            .join(self._sensors.tenants, on="tenant_number", how="inner", validate="m:1")
            .drop("tenant_number")
        )


def _counted(file_ids: pl.Series, tenant_numbers: pl.Series) -> pl.DataFrame:
    """How many rows of each file and tenant: both in one number, which is grouped at half the cost of two."""
    key = pl.col("file_id").cast(pl.Int64) * _PER_FILE + pl.col("tenant_number")
    both = pl.LazyFrame({"file_id": file_ids, "tenant_number": tenant_numbers})
    return both.group_by(key.alias("key")).agg(pl.len().cast(pl.Int64).alias("count")).collect(engine="streaming")


def _first_named(rejected: pl.DataFrame) -> pl.DataFrame:
    """Of each file the first ``NAMED_MAX`` tenants, summed; what came of others is nobody's."""
    summed = rejected.group_by(_OF_TENANT, maintain_order=True).agg(pl.col("count").sum())
    place = pl.col("tenant_id").is_not_null().cum_sum().over("file_id")
    named = summed.with_columns(tenant_id=pl.when(place <= NAMED_MAX).then("tenant_id"))
    return named.group_by(_OF_TENANT, maintain_order=True).agg(pl.col("count").sum())


def _add(sums: list[pl.DataFrame], more: pl.DataFrame) -> None:
    sums.append(more)
    if len(sums) > 1 and sum(frame.height for frame in sums) > SUMS_MAX:
        names = [name for name in more.columns if name != "count"]
        sums[:] = [pl.concat(sums).group_by(names).agg(pl.col("count").sum())]
