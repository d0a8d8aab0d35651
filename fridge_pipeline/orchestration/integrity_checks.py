"""Checks of the books of some hours. They run after their asset in every run, or by themselves.

They stop no run, because one tenant's books are no reason to leave another's hours unbilled (law L8): staging itself
says nothing new to Stripe of the tenant-hours that contradict their files.
"""

from collections.abc import Sequence

import dagster as dg

from fridge_pipeline.billing.books_beside_files import rows_not_accounted_for, usage_not_from_files
from fridge_pipeline.calendar.hours import HOURS_PER_RUN_MAX, HourRange
from fridge_pipeline.ingest.landing_record import LandedHour, landed_of_hours, similar_ids, unusable_of_hours
from fridge_pipeline.ingest.source_contracts import changed_columns
from fridge_pipeline.installation import Ledger
from fridge_pipeline.orchestration.partitions import hours_in_tags, retried_when_the_database_is_lost

#: So many findings stand in a check's text and its metadata.
SHOWN = 20


@dg.asset_check(asset="raw_readings")
def every_row_is_accounted_for(
    context: dg.AssetCheckExecutionContext, ledger: dg.ResourceParam[Ledger]
) -> dg.AssetCheckResult:
    """Rows of every landing file are inserted, duplicate or rejected, and its tenants' rows add up to them.

    Laws L1 and L3.
    """
    hours = checked_hours(context, ledger)
    with retried_when_the_database_is_lost():
        found = rows_not_accounted_for(ledger.database, hours)
    return _contradictions(hours, "files do not add up", [str(each) for each in found])


@dg.asset_check(asset="raw_readings")
def every_file_and_row_was_used(
    context: dg.AssetCheckExecutionContext, ledger: dg.ResourceParam[Ledger]
) -> dg.AssetCheckResult:
    """Every landing file of the hours could be read to its end, and no row was rejected.

    Unused rows are kept with their reason, are not billed, and stop nothing.
    """
    hours = checked_hours(context, ledger)
    with retried_when_the_database_is_lost(), ledger.database.connect() as connection:
        landed = list(landed_of_hours(connection, hours).values())
        unusable = unusable_of_hours(connection, hours, SHOWN)
    records = [
        dg.TableRecord({"path": each.path, "rejected rows": each.rejected_rows or 0, "reason": each.reason})
        for each in unusable
    ]
    return dg.AssetCheckResult(
        passed=not any(each.unreadable or each.rejected for each in landed),
        severity=dg.AssetCheckSeverity.WARN,
        description=used_in_words(hours, landed),
        metadata={
            "files": sum(each.files for each in landed),
            "unreadable_files": sum(each.unreadable for each in landed),
            "rows": sum(each.rows for each in landed),
            "rejected": sum(each.rejected for each in landed),
            **({"not_used": dg.MetadataValue.table(records)} if records else {}),
        },
    )


@dg.asset_check(asset="raw_readings")
def columns_are_known(context: dg.AssetCheckExecutionContext, ledger: dg.ResourceParam[Ledger]) -> dg.AssetCheckResult:
    """No file of the hours has a column that is new, missing or of another type than its source's files before.

    It stays so until somebody settles the exception, or accepts the columns.
    """
    hours = checked_hours(context, ledger)
    with retried_when_the_database_is_lost(), ledger.database.connect() as connection:
        changed = changed_columns(connection, hours, SHOWN)
    return dg.AssetCheckResult(
        passed=not changed,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(map(str, changed)) or f"{hours}: columns and types are known",
        metadata={"changed_files": len(changed)},
    )


@dg.asset_check(asset="inserted_counts")
def usage_is_what_the_files_brought(
    context: dg.AssetCheckExecutionContext, ledger: dg.ResourceParam[Ledger]
) -> dg.AssetCheckResult:
    """Usage of every tenant-hour, counted from stored readings, is what the load noted file by file.

    And no tenant has more active sensors than readings (laws L1, L2). What contradicts is not billed.
    """
    hours = checked_hours(context, ledger)
    with retried_when_the_database_is_lost():
        found = usage_not_from_files(ledger.database, hours)
    return _contradictions(hours, "tenant-hours differ from their files", [str(each) for each in found])


@dg.asset_check(asset="raw_readings")
def ids_are_written_in_one_way(ledger: dg.ResourceParam[Ledger]) -> dg.AssetCheckResult:
    """No two sensors of one tenant, and no two tenants, are the same id written in two ways.

    That is: by case, leading zeros, a trailing .0 or exponent notation; and no id has lost its last digits to a
    spreadsheet. Such ids are never merged, so what is one device may be billed as two.
    """
    with retried_when_the_database_is_lost(), ledger.database.connect() as connection:
        similar = similar_ids(connection)
    total = similar[0].total if similar else 0
    return dg.AssetCheckResult(
        passed=not similar,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{total} written in several ways: {'; '.join(map(str, similar))}" if similar else "every id is",
        metadata={"similar_ids": total},
    )


def checked_hours(context: dg.AssetCheckExecutionContext, ledger: Ledger) -> HourRange:
    """The hours of the run, or where it has none the newest of the grid."""
    of_the_run = hours_in_tags(context.run.tags)
    if of_the_run:
        return HourRange(of_the_run[0], of_the_run[-1])
    grid = ledger.grid()
    return HourRange(max(grid.first, grid.last.plus(1 - HOURS_PER_RUN_MAX)), grid.last)


def used_in_words(hours: HourRange, landed: Sequence[LandedHour]) -> str:
    """How many files and rows there were, and how many of them were of no use; nothing is not a number."""
    files, rows = sum(each.files for each in landed), sum(each.rows for each in landed)
    if not files:
        return f"{hours}: no landing files"
    rejected = sum(each.rejected for each in landed)
    share = f" ({rejected / rows:.1%})" if rejected else ""
    return (
        f"{hours}: {sum(each.unreadable for each in landed)} of {files:,} files unreadable or damaged, "
        f"{rejected:,} of {rows:,} rows rejected{share}"
    )


def _contradictions(hours: HourRange, what: str, found: Sequence[str]) -> dg.AssetCheckResult:
    more = "; …" if len(found) > SHOWN else ""
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{hours}: {len(found)} {what}: {'; '.join(found[:SHOWN])}{more}" if found else f"{hours} agree",
        metadata={"contradictions": len(found)},
    )
