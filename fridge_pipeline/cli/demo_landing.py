"""The demo's landing zone: a week of real readings, laid out as if gateways were delivering them now."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import polars as pl

from fridge_pipeline.calendar.hour import ONE_HOUR, Hour
from fridge_pipeline.catalogue.tenant import Tenant

READINGS = Path(__file__).parent / "demo_data" / "one_week.parquet"
WEEK = timedelta(days=7)

#: Each tenant's gateway delivers in a format of its own.
FORMATS = ("csv", "csv.gz", "ndjson", "ndjson.gz", "parquet")

#: What a sensor with a loose wire sends, once a day; it is rejected with its reason.
BROKEN_ROW = {"sensor_id": "loose-wire", "temperature_c": 999.9}
BROKEN_ROW_HOUR_OF_DAY = 6


def demo_tenants() -> list[Tenant]:
    """The tenants of the demo, each with a customer of the sandbox."""
    names = pl.read_parquet(READINGS, columns=["tenant_id"])["tenant_id"].unique().sort()
    return [Tenant(name, name.title(), f"cus_demo{name}") for name in names]


def land_hours(root: Path, hours: Iterable[Hour]) -> int:
    """Delivers the given hours below the landing root; leaves what is there; returns how many files are new.

    Like the loader these readings come from, each delivery brings the hour before along once more.
    """
    week = pl.read_parquet(READINGS)
    landed = 0
    for hour in hours:
        rows = pl.concat([_readings_of(week, hour.plus(-1)), _readings_of(week, hour), _broken(hour)])
        for number, ((tenant,), delivery) in enumerate(sorted(rows.group_by("tenant_id"), key=lambda each: each[0])):
            path = root / hour.folder / f"gateway-{tenant}.{FORMATS[number % len(FORMATS)]}"
            if not path.exists():
                _deliver(delivery.sort("recorded_at", "sensor_id"), path)
                landed += 1
    return landed


def _readings_of(week: pl.DataFrame, hour: Hour) -> pl.DataFrame:
    """The readings of the same hour of the recorded week, moved to this hour."""
    recorded = Hour.containing(week["recorded_at"].min())  # type: ignore[arg-type]  # a time column's minimum is a time
    into_week = (hour.start - recorded.start) % WEEK
    source = recorded.start + into_week
    return week.filter(pl.col("recorded_at").is_between(source, source + ONE_HOUR, closed="left")).with_columns(
        pl.col("recorded_at") + (hour.start - source)
    )


def _broken(hour: Hour) -> pl.DataFrame:
    if hour.start.hour != BROKEN_ROW_HOUR_OF_DAY:
        return pl.read_parquet(READINGS, n_rows=0)
    row = {"tenant_id": demo_tenants()[0].tenant_id, "recorded_at": hour.start, **BROKEN_ROW}
    return pl.DataFrame([row], schema=pl.read_parquet_schema(READINGS))


def _deliver(delivery: pl.DataFrame, path: Path) -> None:
    """Writes under a temporary name first, as a gateway should: the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    if path.suffix == ".parquet":
        delivery.write_parquet(unfinished)
    else:
        text = delivery.with_columns(pl.col("recorded_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        body = (text.write_csv() if ".csv" in path.name else text.write_ndjson()).encode()
        unfinished.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    unfinished.rename(path)
