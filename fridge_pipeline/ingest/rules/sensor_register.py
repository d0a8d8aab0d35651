"""Whose a reading is by the sensor register: the tenant of the sensor's newest entry that is not after the reading."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from fridge_pipeline.ingest.rules.reading import UNREGISTERED
from fridge_pipeline.ingest.rules.recorded_time import RECORDED_AT

#: One row per sensor and moment from which on it belongs to a tenant.
REGISTER_SCHEMA = pl.Schema({"sensor_id": pl.String(), "valid_from": RECORDED_AT, "tenant_id": pl.String()})


@dataclass(frozen=True, slots=True)
class SensorRegister:
    """The register as it was at ``newest_entry``: ``entries`` as in ``REGISTER_SCHEMA``, by ``valid_from``."""

    entries: pl.DataFrame = field(default_factory=REGISTER_SCHEMA.to_frame)
    newest_entry: int = 0


def with_registered_tenants(rows: pl.DataFrame, register: SensorRegister) -> pl.DataFrame:
    """The same rows in the same order, each with its sensor's tenant at its time.

    In: rows as ``with_fields`` makes them. The tenant of a sensor that has none then is ``UNREGISTERED``, which
    ``judge`` rejects where nothing else is wrong with the row.
    """
    entries = register.entries.rename({"tenant_id": "_tenant"})
    by_time = rows.with_row_index("_place").sort("recorded_at", nulls_last=True)
    joined = by_time.join_asof(
        entries, left_on="recorded_at", right_on="valid_from", by="sensor_id", check_sortedness=False
    )
    tenant = pl.coalesce("_tenant", pl.lit(UNREGISTERED)).alias("tenant_id")
    return joined.sort("_place").with_columns(tenant).select(rows.columns)
