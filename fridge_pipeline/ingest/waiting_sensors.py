"""The rows of landing files that wait for their sensors to be registered: counted by sensor, and told."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from fridge_pipeline.ingest.rules.reading import Reason

#: Of a file so many sensors are kept one by one, the first; a row without a sensor stands for the others.
SENSORS_KEPT_MAX = 10_000

#: So many sensors are named in an exception, and so much of each.
SENSORS_SHOWN, SENSOR_LENGTH_MAX = 5, 60

_WAITING = pl.Schema(
    {
        "file_id": pl.Int32(),
        "sensor_id": pl.String(),
        "row_count": pl.Int64(),
        "last_recorded_at": pl.Datetime("us", "UTC"),
    }
)


class WaitingTally:
    """Counts, a batch at a time, the rows of each file and sensor that the register does not know at their time."""

    def __init__(self) -> None:
        self._waiting = _WAITING.to_frame()

    def add(self, judged: pl.DataFrame) -> None:
        """Counts those of a batch of judged rows with ``file_id``."""
        rows = judged.filter(pl.col("reason") == Reason.NOT_REGISTERED.value)
        if rows.is_empty():
            return
        more = rows.select(
            "file_id", "sensor_id", row_count=pl.lit(1, pl.Int64), last_recorded_at=pl.col("recorded_at")
        )
        both = _summed(pl.concat([self._waiting, more]))
        is_kept = both.select(pl.int_range(pl.len()).over("file_id") < SENSORS_KEPT_MAX).to_series()
        named = pl.when(is_kept | pl.col("sensor_id").is_null()).then("sensor_id").alias("sensor_id")
        self._waiting = both if is_kept.all() else _summed(both.with_columns(named))

    def rows(self, newest_entries: Mapping[int, int]) -> pl.DataFrame:
        """What goes on record; ``newest_entries`` are those of the register, by the ``file_id`` read with it."""
        schema = {"file_id": pl.Int32(), "register_entry": pl.Int64()}
        entries = pl.DataFrame(list(newest_entries.items()), schema=schema, orient="row")
        return self._waiting.join(entries, on="file_id", how="inner", validate="m:1")

    def to_tell(self) -> dict[int, str]:
        """What a person is told, by ``file_id``."""
        by_size = self._waiting.sort("row_count", "sensor_id", descending=[True, False])
        return {file_id: _told(rows) for (file_id,), rows in by_size.group_by("file_id", maintain_order=True)}


def _summed(waiting: pl.DataFrame) -> pl.DataFrame:
    return waiting.group_by("file_id", "sensor_id", maintain_order=True).agg(
        pl.col("row_count").sum(), pl.col("last_recorded_at").max()
    )


def _told(rows: pl.DataFrame) -> str:
    named = rows.filter(pl.col("sensor_id").is_not_null())
    shown = [
        f"{sensor[:SENSOR_LENGTH_MAX]} ({count})"
        for sensor, count in named.select("sensor_id", "row_count").head(SENSORS_SHOWN).iter_rows()
    ]
    more = named.height - len(shown)
    others = f" and {more} more" if more else ""
    beyond = f", and others beyond the first {SENSORS_KEPT_MAX}" if named.height < rows.height else ""
    return (
        f"{rows['row_count'].sum()} rows of {named.height} sensors{beyond} wait, because the sensor register does not "
        f"know them at the time of the reading: {', '.join(shown)}{others}. Register them, from their first reading "
        "on: fridge sensors import FILE.csv; the next run reads the file again"
    )
