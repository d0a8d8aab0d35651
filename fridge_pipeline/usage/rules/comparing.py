"""Comparing: usage as it comes out now beside usage and statements in the books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.meter import Meter

#: One row per hour, tenant and meter with accepted statements.
STATED_SCHEMA = {
    "hour": pl.Datetime("us", "UTC"),
    "tenant_id": pl.String(),
    "meter": pl.String(),
    "stated": pl.Int64(),
}

#: So many hours are shown of each tenant and meter that differs.
EXAMPLES_MAX = 3

_KEY = ("hour", "tenant_id", "meter")


@dataclass(frozen=True, slots=True)
class DifferingHour:
    """An hour in which the recomputed quantity is not the one in the books; ``None`` is no quantity at all."""

    hour: Hour
    recomputed: int | None
    found: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The hours of a tenant and meter in which usage (or what was stated) is not what comes out now."""

    tenant_id: str
    meter: str
    beside: str
    hours: int
    recomputed: int
    found: int
    examples: tuple[DifferingHour, ...]

    @property
    def amount(self) -> int:
        """How much more the books have than comes out now."""
        return self.found - self.recomputed


def side_by_side(
    recomputed: pl.DataFrame, usage: pl.DataFrame, stated: pl.DataFrame, catalogue: Sequence[Meter]
) -> pl.DataFrame:
    """One row per hour, tenant and meter with any of ``recomputed``, ``usage``, ``stated``; null where there is none.

    The first two are frames of ``USAGE_SCHEMA``, the third is one of ``STATED_SCHEMA``.
    """
    ours = _by_meter(recomputed, catalogue, "recomputed")
    rows = ours.join(_by_meter(usage, catalogue, "usage"), on=_KEY, how="full", coalesce=True)
    known = stated.filter(pl.col("meter").is_in([meter.event_name for meter in catalogue]))
    return rows.join(known, on=_KEY, how="full", coalesce=True).sort(_KEY)


def _by_meter(usage: pl.DataFrame, catalogue: Sequence[Meter], name: str) -> pl.DataFrame:
    meters = [(meter.measure.name, meter.event_name) for meter in catalogue]
    named = pl.DataFrame(meters, schema={"measure": pl.String(), "meter": pl.String()}, orient="row")
    return usage.join(named, on="measure").select(*_KEY, pl.col("quantity").alias(name))


def differing(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that differ, long: ``beside`` says which of the two books, ``found`` what it has.

    Usage must be the same in every hour. What was never stated is not a difference: it waits, or is an exception.
    """
    usage = rows.filter(~pl.col("recomputed").eq_missing(pl.col("usage")))
    stated = rows.filter(pl.col("stated").is_not_null() & ~pl.col("recomputed").eq_missing(pl.col("stated")))
    return pl.concat(
        [
            usage.select(*_KEY, "recomputed", pl.col("usage").alias("found"), pl.lit("usage").alias("beside")),
            stated.select(*_KEY, "recomputed", pl.col("stated").alias("found"), pl.lit("statements").alias("beside")),
        ]
    )


def differences(rows: pl.DataFrame) -> list[Difference]:
    """The differing rows of all portions, per tenant and meter, each with its first hours."""
    groups = rows.sort("tenant_id", "meter", "beside", "hour").group_by(
        "tenant_id", "meter", "beside", maintain_order=True
    )
    found = []
    for (tenant_id, meter, beside), hours in groups:
        examples = hours.head(EXAMPLES_MAX).select("hour", "recomputed", "found").iter_rows()
        found.append(
            Difference(
                tenant_id=str(tenant_id),
                meter=str(meter),
                beside=str(beside),
                hours=hours.height,
                recomputed=int(hours["recomputed"].sum()),
                found=int(hours["found"].sum()),
                examples=tuple(DifferingHour(Hour(hour), ours, theirs) for hour, ours, theirs in examples),
            )
        )
    return found
