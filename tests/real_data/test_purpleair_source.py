"""The real deliveries as the service gave them, with its own columns, through the gallery's source and the register."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.register_record import RegisterEntry, import_register
from fridge_pipeline.ingest.gallery import gallery
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.sources_file import read_sources
from tests.real_data.test_purpleair import HOURS, LAND, assert_every_row_is_accounted, deliveries, pytestmark  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipeline import Pipeline

_OLDER_EXPORT = ('column = "sensor_index"', 'column = "id"')


def test_raw_files_of_the_service_come_out_as_the_converted_ones_do(
    pipeline: Pipeline,
    deliveries: tuple[Path, dict[tuple[str, str], tuple[int, int]]],  # noqa: F811
) -> None:
    _, expected = deliveries
    land = runpy.run_path(str(LAND))
    entries = [
        RegisterEntry(sensor, tenant, datetime(2020, 1, 1, tzinfo=UTC)) for sensor, tenant in land["TENANT"].items()
    ]
    import_register(pipeline.database, entries, "where they stand")
    pipeline.zone = LocalLanding(
        str(pipeline.landing), read_sources(gallery()["purpleair-history"].replace(*_OLDER_EXPORT))
    )
    arrived = pl.read_parquet(LAND.parent / "deliveries.parquet").select(
        "_file", hour=pl.col("last_commit_at").dt.truncate("1h")
    )
    last = arrived["hour"].unique().sort().tail(HOURS)
    rows = (
        pl.scan_parquet(LAND.parent / "readings.parquet")
        .join(arrived.lazy(), on="_file")
        .filter(pl.col("hour").is_in(last.implode()))
        .sort("hour", "_file", "_line")
        .collect()
    )
    for (start, file), part in rows.group_by("hour", "_file", maintain_order=True):
        name = f"purpleair-{str(file).replace('/', '_')}"
        body = part.drop("hour", "_file", "_line").write_csv().encode()
        pipeline.land(Hour(start), name, body)
    for start in last:
        pipeline.load(Hour(start))
        pipeline.count(Hour(start))
    assert pipeline.usage() == expected
    assert pipeline.one(
        "select count(*) from fridge.landing_files where source = 'purpleair-history'"
    ) == rows.n_unique(["hour", "_file"])
    assert pipeline.one("select count(*) from fridge.open_exceptions") == 0
    assert_every_row_is_accounted(pipeline)
