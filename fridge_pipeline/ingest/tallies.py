"""What became of the rows of landing files while they are loaded: by file, by reason, by tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, datetime

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.private_copy import Snapshot
from fridge_pipeline.ingest.load_transaction import FileException, LoadedFile
from fridge_pipeline.ingest.rules.landing_files import LandingFile
from fridge_pipeline.ingest.rules.reading import Reason, rejected_rows
from fridge_pipeline.ingest.rules.rejections import (
    EXAMPLE_LENGTH_MAX,
    NAMED_MAX,
    TENANT_SHARE_MAX,
    RejectedFor,
    TenantShare,
    likely_causes,
    rejection_told,
)
from fridge_pipeline.ingest.stored_keys import SensorDirectory
from fridge_pipeline.stripe.rules.meter_event import billing_deadline


@dataclass(slots=True)
class FileTally:
    """What has become of a landing file's rows so far.

    ``damage`` says why not all of it, or nothing, could be read; None when everything could. ``not_kept`` counts by
    reason the rejected rows that are not kept one by one. Once it is ``stopped`` no more of the file is read.
    """

    file_id: int
    file: LandingFile
    snapshot: Snapshot
    damage: str | None
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
        if self.file.format is None:
            return f"{self.damage}; nothing of it is loaded. Ask for it in one of these formats, then: fridge settle."
        rest = f"{self.rows} rows before the damage were read" if self.rows else "no row could be read"
        return f"{self.damage}; {rest}. Ask for the file again under the same name: only its new readings will count."

    def exception(self, detail: str) -> FileException:
        """An exception about the file; its usage can be billed as long as that of its hour."""
        hour = self.file.landing_hour
        deadline_at = billing_deadline(hour) if hour.start.year < MAXYEAR else None
        return FileException(hour.start, self.file.path, detail, deadline_at)

    def loaded(self, run_id: str, now: datetime) -> LoadedFile:
        """The row that goes on record; what was neither stored nor rejected was stored already."""
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


#: Of each file and reason so many rows of a batch are looked at for what they look like.
LOOKED_AT_MAX = 1_000

#: A key that strayed into a row is not shown again.
_KEY = r"([rs]k_(?:live|test)_)[0-9A-Za-z]+"

_GROUP = ["file_id", "reason"]
_REASONS = pl.Schema(
    {"file_id": pl.Int32(), "reason": pl.String(), "rows": pl.Int64(), "line": pl.Int64(), "example": pl.String()}
)
_CAUSES = pl.Schema({"file_id": pl.Int32(), "reason": pl.String(), "cause": pl.String(), "rows": pl.Int64()})


class RejectionTally:
    """Counts rejected rows per file and reason, a batch at a time, and keeps the first of each."""

    def __init__(self) -> None:
        self._reasons = _REASONS.to_frame()
        self._causes = _CAUSES.to_frame()

    def add(self, raw: pl.DataFrame, judged: pl.DataFrame, landing_hour: Hour) -> pl.DataFrame:
        """Counts the rejected rows of a batch, as read and as judged, and returns them as ``rejected_rows`` does.

        A row cut off by a damage is not counted: the damage is told already.
        """
        rejected = rejected_rows(judged)
        reasons = rejected.filter(pl.col("reason") != Reason.CUT_OFF.value).select(
            *_GROUP, "line", rows=pl.lit(1, pl.Int64), example=pl.col("raw").str.head(EXAMPLE_LENGTH_MAX)
        )
        self._reasons = _summed(pl.concat([self._reasons, reasons.select(_REASONS.names())]))
        self._causes = _added(self._causes, _likely(rejected, raw, judged, landing_hour))
        return rejected

    def to_tell(self, tallies: Sequence[FileTally], tenants: pl.DataFrame) -> dict[int, str]:
        """What is to be told, by ``file_id``; ``tenants`` has each file's rows and rejects by tenant."""
        reasons, lost = self._by_file(), _lost(tenants)
        told = {
            tally.file_id: rejection_told(
                tally.rows, reasons[tally.file_id], lost.get(tally.file_id, []), tally.not_kept.total()
            )
            for tally in tallies
            if tally.file_id in reasons
        }
        return {file_id: text for file_id, text in told.items() if text is not None}

    def _by_file(self) -> dict[int, list[RejectedFor]]:
        likely = self._causes.sort("rows", "cause", descending=[True, False]).unique(
            _GROUP, keep="first", maintain_order=True
        )
        reasons = self._reasons.join(likely.drop("rows"), on=_GROUP, how="left", validate="1:1")
        shown = reasons.sort("file_id", "rows", "reason", descending=[False, True, False]).with_columns(
            pl.col("example").str.replace_all(_KEY, "${1}…")
        )
        by_file: dict[int, list[RejectedFor]] = {}
        for file_id, *reason in shown.select("file_id", "reason", "rows", "line", "example", "cause").iter_rows():
            by_file.setdefault(file_id, []).append(RejectedFor(*reason))
        return by_file


def _likely(rejected: pl.DataFrame, raw: pl.DataFrame, judged: pl.DataFrame, landing_hour: Hour) -> pl.DataFrame:
    """What the first rows of each file and reason look like."""
    sample = rejected.with_row_index("place").group_by(_GROUP).head(LOOKED_AT_MAX)["place"].sort()
    is_rejected = judged["reason"].is_not_null()
    first, as_read, as_judged = rejected[sample], raw.filter(is_rejected)[sample], judged.filter(is_rejected)[sample]
    causes = likely_causes(first, as_read, as_judged, landing_hour)
    return first.select(*_GROUP, cause=causes, rows=pl.lit(1, pl.Int64))


def _added(causes: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([causes, more]).group_by(*_GROUP, "cause").agg(pl.col("rows").sum())


def _lost(tenants: pl.DataFrame) -> dict[int, list[TenantShare]]:
    lost = tenants.filter(
        pl.col("tenant_id").is_not_null() & (pl.col("rejected_count") > TENANT_SHARE_MAX * pl.col("row_count"))
    )
    by_file: dict[int, list[TenantShare]] = {}
    for file_id, *share in lost.select("file_id", "tenant_id", "row_count", "rejected_count").iter_rows():
        by_file.setdefault(file_id, []).append(TenantShare(*share))
    return by_file


def _summed(reasons: pl.DataFrame) -> pl.DataFrame:
    """One row per file and reason, with its first line."""
    return (
        reasons.sort("line")
        .group_by(_GROUP)
        .agg(pl.col("rows").sum(), pl.col("line").first(), pl.col("example").first())
        .select(_REASONS.names())
    )
