"""Checks that run inside the hourly assets.

They stop no run, because one tenant's books are no reason to leave another's hours unbilled (law L8): staging itself
says nothing new to Stripe of the tenant-hours that contradict their files.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from fridge_pipeline.adapters.postgres.database import Database
from fridge_pipeline.adapters.postgres.similar_ids import similar_ids
from fridge_pipeline.domain.hour_range import HourRange
from fridge_pipeline.steps.control import rows_not_accounted_for, usage_not_from_files

#: So many contradictions stand in the check's text and its metadata.
SHOWN = 20

ROWS_ACCOUNTED_FOR = dg.AssetCheckSpec(
    "every_row_is_accounted_for",
    asset="raw_readings",
    description="Of every landing file of the run's hours the rows are inserted, duplicate or rejected, and the "
    "tenants' rows add up to them (laws L1, L3).",
)

USAGE_FROM_FILES = dg.AssetCheckSpec(
    "usage_is_what_the_files_brought",
    asset="inserted_counts",
    description="Usage of every tenant-hour, counted from stored readings, is what the load noted file by file, and no "
    "tenant has more active sensors than readings (laws L1, L2). What contradicts is not billed.",
)


IDS_WRITTEN_ONE_WAY = dg.AssetCheckSpec(
    "ids_are_written_in_one_way",
    asset="raw_readings",
    description="No two sensors of one tenant, and no two tenants, differ only by case, leading zeros, a trailing .0 "
    "or exponent notation, and no id has lost its last digits to a spreadsheet. Such ids are never merged, so what is "
    "one device may be billed as two.",
)


def rows_accounted_for(database: Database, hours: HourRange) -> dg.AssetCheckResult:
    """The result of ``ROWS_ACCOUNTED_FOR`` for some hours."""
    found = rows_not_accounted_for(database, hours)
    return _result(ROWS_ACCOUNTED_FOR, hours, "files do not add up", [str(each) for each in found])


def usage_from_files(database: Database, hours: HourRange) -> dg.AssetCheckResult:
    """The result of ``USAGE_FROM_FILES`` for some hours."""
    found = usage_not_from_files(database, hours)
    return _result(USAGE_FROM_FILES, hours, "tenant-hours differ from their files", [str(each) for each in found])


def ids_written_one_way(database: Database) -> dg.AssetCheckResult:
    """The result of ``IDS_WRITTEN_ONE_WAY`` for all that is known; a warning, because the ids may be right."""
    with database.connect() as connection:
        similar = similar_ids(connection)
    total = similar[0].total if similar else 0
    return dg.AssetCheckResult(
        asset_key=IDS_WRITTEN_ONE_WAY.asset_key,
        check_name=IDS_WRITTEN_ONE_WAY.name,
        passed=not similar,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{total} written in several ways: {'; '.join(map(str, similar))}" if similar else "every id is",
        metadata={"similar_ids": total},
    )


def _result(spec: dg.AssetCheckSpec, hours: HourRange, what: str, found: Sequence[str]) -> dg.AssetCheckResult:
    more = "; …" if len(found) > SHOWN else ""
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{hours}: {len(found)} {what}: {'; '.join(found[:SHOWN])}{more}" if found else f"{hours} agree",
        metadata={"contradictions": len(found)},
    )
