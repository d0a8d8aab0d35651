"""Why rows of landing files were rejected while they are loaded: by file and reason, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.reading import rejected_rows
from fridge_pipeline.ingest.rules.rejections import (
    ASIDE,
    EXAMPLE_LENGTH_MAX,
    TENANT_SHARE_MAX,
    RejectedFor,
    TenantShare,
    likely_causes,
    rejection_told,
)
from fridge_pipeline.ingest.tallies import FileTally
from fridge_pipeline.ingest.waiting_sensors import WaitingTally

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
        self.waiting = WaitingTally()

    def add(self, raw: pl.DataFrame, judged: pl.DataFrame, landing_hour: Hour) -> pl.DataFrame:
        """Counts the rejected rows of a batch, as read and as judged, and returns them as ``rejected_rows`` does.

        Those that are ``ASIDE`` are not counted.
        """
        self.waiting.add(judged)
        rejected = rejected_rows(judged)
        reasons = rejected.filter(~pl.col("reason").is_in(ASIDE)).select(
            *_GROUP, "line", rows=pl.lit(1, pl.Int64), example=pl.col("raw").str.head(EXAMPLE_LENGTH_MAX)
        )
        self._reasons = _summed(pl.concat([self._reasons, reasons.select(_REASONS.names())]))
        self._causes = _added(self._causes, _likely(rejected, raw, judged, landing_hour))
        return rejected

    def to_tell(self, tallies: Sequence[FileTally], tenants: pl.DataFrame) -> dict[int, str]:
        """What is to be told, by ``file_id``; ``tenants`` has each file's rows and rejects by tenant.

        Of so many rows as are not ``ASIDE``: else humidities beside them would hide what is lost of the temperatures.
        """
        reasons, lost = self._by_file(), _lost(tenants)
        aside = dict(tenants.group_by("file_id").agg(pl.col("aside_count").sum()).iter_rows())
        told = {
            tally.file_id: rejection_told(
                tally.rows - aside.get(tally.file_id, 0),
                reasons[tally.file_id],
                lost.get(tally.file_id, []),
                sum(count for reason, count in tally.not_kept.items() if reason not in ASIDE),
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
    counted = tenants.with_columns(pl.col("row_count", "rejected_count") - pl.col("aside_count"))
    lost = counted.filter(
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
