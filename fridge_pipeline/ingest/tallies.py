"""What became of the rows of landing files while they are loaded: by file, by reason, by tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import MAXYEAR, datetime

import polars as pl

from fridge_pipeline.catalogue.reading_number import ReadingNumber
from fridge_pipeline.ingest.landing.private_copy import Snapshot
from fridge_pipeline.ingest.load_transaction import FileException, LoadedFile
from fridge_pipeline.ingest.rules.landing_files import LandingFile
from fridge_pipeline.ingest.rules.rejections import ASIDE, NAMED_MAX
from fridge_pipeline.ingest.rules.sensor_register import SensorRegister
from fridge_pipeline.ingest.rules.source_contract import Shape
from fridge_pipeline.ingest.stored_keys import SensorDirectory
from fridge_pipeline.stripe.rules.meter_event import billing_deadline


@dataclass(slots=True)
class FileTally:
    """What has become of a landing file's rows so far.

    ``damage`` says why not all of it, or nothing, could be read; None when everything could. ``not_kept`` counts by
    reason the rejected rows that are not kept one by one. Once it is ``stopped`` no more of the file is read.
    ``register`` is what the sensor register says, and ``read_number`` how often this content was read, with this time.
    ``numbers`` are, by name, those that sources keep besides the temperature, where this file's source keeps any.
    ``look`` is told of its columns before its rows come: it says which ``changes`` are to be told, and with a
    ``refused_shape`` that its rows wait.
    """

    file_id: int
    file: LandingFile
    snapshot: Snapshot
    damage: str | None
    register: SensorRegister = field(default_factory=SensorRegister)
    read_number: int = 1
    numbers: Mapping[str, ReadingNumber] = field(default_factory=dict)
    look: Callable[[Shape], None] | None = None
    changes: str | None = None
    refused_shape: str | None = None
    rows: int = 0
    inserted: int = 0
    rejected: int = 0
    first_recorded_at: datetime | None = None
    last_recorded_at: datetime | None = None
    stopped: bool = False
    not_kept: Counter[str] = field(default_factory=Counter)

    def stop(self, damage: str) -> None:
        """Nothing more of the file is read, and why."""
        self.damage, self.stopped = damage, True

    def add_inserted(self, count: int, first_at: datetime, last_at: datetime) -> None:
        """So many of its readings, from this time to that, were stored for the first time."""
        self.inserted += count
        self.first_recorded_at = min(self.first_recorded_at or first_at, first_at)
        self.last_recorded_at = max(self.last_recorded_at or last_at, last_at)

    @property
    def unreadable_detail(self) -> str:
        """For the exception: what is wrong, what could be read, and what to do."""
        if self.file.format is None and self.file.source is None:
            return (
                f"{self.damage}; nothing of it is loaded. Declare a source that reads it (fridge sources guess FILE), "
                "or ask for it in one of these formats, then: fridge settle."
            )
        rest = f"{self.rows} rows before the damage were read" if self.rows else "no row could be read"
        change = "" if self.rows or self.file.source is None else "Change the source, and it is read again; or ask "
        again = f"{change or 'Ask '}for the file again under the same name: only its new readings will count."
        return f"{self.damage}; {rest}. {again}"

    def exception(self, detail: str) -> FileException:
        """An exception about the file; its usage can be billed as long as that of its hour."""
        hour = self.file.landing_hour
        deadline_at = billing_deadline(hour) if hour.start.year < MAXYEAR else None
        return FileException(hour.start, self.file.path, detail, deadline_at)

    def loaded(self, run_id: str, now: datetime) -> LoadedFile:
        """The row that goes on record; what was neither stored nor rejected was stored already."""
        source = self.file.source
        return LoadedFile(
            file_id=self.file_id,
            path=self.file.path,
            landing_hour=self.file.landing_hour.start,
            content_hash=self.snapshot.content_hash,
            version_token=self.file.version,
            size_bytes=self.snapshot.size,
            row_count=self.rows,
            inserted_count=self.inserted,
            duplicate_count=self.rows - self.rejected - self.inserted,
            rejected_count=self.rejected,
            status=self._status,
            first_recorded_at=self.first_recorded_at,
            last_recorded_at=self.last_recorded_at,
            run_id=run_id,
            loaded_at=now,
            source=source.name if source is not None else None,
            source_sha256=source.sha256 if source is not None else None,
            read_number=self.read_number,
        )

    @property
    def _status(self) -> str:
        if self.damage is None:
            return "loaded"
        return "damaged" if self.rows else "unreadable"


#: Sums of several batches are added up once they are so many: memory follows files and tenants, not readings.
SUMS_MAX = 500_000

#: Or once the tenants of rejected rows take so many bytes.
REJECTED_BYTES_MAX = 2**24

#: What a file's number is multiplied by, to leave room for the number of a tenant.
_PER_FILE = 2**32

_SUMS = pl.Schema({"key": pl.Int64(), "count": pl.Int64()})
_OF_TENANT = ["file_id", "tenant_id"]
_REJECTED = pl.Schema({"file_id": pl.Int32(), "tenant_id": pl.String(), "count": pl.Int64(), "aside_count": pl.Int64()})


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
        """Rejected rows with ``file_id``, ``reason`` and ``tenant_id``, null where nobody knows whose they are."""
        is_aside = pl.col("reason").is_in(ASIDE).cast(pl.Int64)
        self._rejected.append(
            rejected.group_by(_OF_TENANT, maintain_order=True).agg(
                pl.len().cast(pl.Int64).alias("count"), is_aside.sum().alias("aside_count")
            )
        )
        if sum(frame.height for frame in self._rejected) > SUMS_MAX or self.rejected_bytes > REJECTED_BYTES_MAX:
            self._rejected = [_first_named(pl.concat(self._rejected))]

    @property
    def rejected_bytes(self) -> int:
        """What the tenants of rejected rows take in memory, about."""
        return sum(int(frame["tenant_id"].str.len_bytes().sum()) for frame in self._rejected)

    def summed(self) -> pl.DataFrame:
        """One row per file and tenant, in this order, with the counts as they go on record, and ``aside_count``."""
        parts = [
            self._named(self._valid).rename({"count": "valid"}),
            self._named(self._inserted).rename({"count": "inserted_count"}),
            _first_named(pl.concat([_REJECTED.to_frame(), *self._rejected])).rename({"count": "rejected_count"}),
        ]
        return (
            pl.concat(parts, how="diagonal")
            .group_by("file_id", "tenant_id")
            .agg(pl.col("valid", "inserted_count", "rejected_count", "aside_count").sum())
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
    counts = pl.col("count", "aside_count")
    summed = rejected.group_by(_OF_TENANT, maintain_order=True).agg(counts.sum())
    place = pl.col("tenant_id").is_not_null().cum_sum().over("file_id")
    named = summed.with_columns(tenant_id=pl.when(place <= NAMED_MAX).then("tenant_id"))
    return named.group_by(_OF_TENANT, maintain_order=True).agg(counts.sum())


def _add(sums: list[pl.DataFrame], more: pl.DataFrame) -> None:
    sums.append(more)
    if len(sums) > 1 and sum(frame.height for frame in sums) > SUMS_MAX:
        names = [name for name in more.columns if name != "count"]
        sums[:] = [pl.concat(sums).group_by(names).agg(pl.col("count").sum())]
