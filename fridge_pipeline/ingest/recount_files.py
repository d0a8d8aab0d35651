"""Recount: the landing files of some hours are read again and compared with what is on record. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import polars as pl
import psycopg
from psycopg.rows import class_row

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.catalogue.register_record import read_register
from fridge_pipeline.database.connection import Database
from fridge_pipeline.database.queries import statement
from fridge_pipeline.ingest.landing.landing_errors import LandingError, LandingFileVanishedError
from fridge_pipeline.ingest.landing.private_copy import Snapshot
from fridge_pipeline.ingest.landing.zone import LandingZone
from fridge_pipeline.ingest.landing_record import hours_with_files
from fridge_pipeline.ingest.load import files_at_once
from fridge_pipeline.ingest.prepare import judged_rows
from fridge_pipeline.ingest.rules.landing_files import LandingFile
from fridge_pipeline.ingest.rules.reading import Reason, rejected_rows, valid_readings
from fridge_pipeline.ingest.rules.sensor_register import REGISTER_SCHEMA, SensorRegister
from fridge_pipeline.ingest.rules.source import Source
from fridge_pipeline.ingest.tallies import FileTally

#: So many differences are kept one by one; all are counted.
SHOWN_MAX = 100

_COUNTS = pl.Schema(
    {"file_id": pl.Int32(), "tenant_id": pl.String(), "row_count": pl.Int64(), "rejected_count": pl.Int64()}
)
_OF_TENANT = ["file_id", "tenant_id"]


@dataclass(slots=True)
class Sums:
    """What the readings of a file come to together: their degrees, and each number that its source keeps besides."""

    degrees: float = 0.0
    numbers: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A landing file as it was loaded; one that ``is_newest`` is the content that should lie there now.

    ``degrees`` and ``numbers`` are those of its readings together, None where some of them came from other files.
    """

    file_id: int
    path: str
    content_hash: str
    row_count: int
    rejected_count: int
    source: str | None
    source_sha256: str | None
    degrees: float | None
    numbers: dict[str, str] | None
    is_newest: bool

    @property
    def told(self) -> str:
        """What became of its rows."""
        numbers = {name: Decimal(total) for name, total in (self.numbers or {}).items()}
        sums = None if self.degrees is None else Sums(self.degrees, numbers)
        return _told(self.row_count, self.row_count - self.rejected_count, sums)


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A landing file that is not what was loaded: in its ``what``, and both values; ``tenant_id`` where it is one's."""

    path: str
    what: str
    recorded: str
    found: str
    tenant_id: str | None = None


@dataclass(slots=True)
class Recount:
    """What reading again came to, hour by hour or added up.

    ``same``: files with the recorded SHA-256, rows and tenants' rows. ``missing``: paths that are not there any more,
    which says nothing about what they held. ``replaced``: earlier contents of a path. ``differences`` are the first.
    ``by_other_source``: files whose source was changed since, and ``source_differences`` the first of those that it
    would read differently; they are no error in the books.
    """

    files: int = 0
    same: int = 0
    rows: int = 0
    replaced: int = 0
    missing: list[str] = field(default_factory=list)
    differences: list[FileDifference] = field(default_factory=list)
    differing: int = 0
    by_other_source: int = 0
    source_differences: list[FileDifference] = field(default_factory=list)

    def add(self, other: Recount) -> None:
        """Adds what an hour came to."""
        self.files += other.files
        self.same += other.same
        self.rows += other.rows
        self.replaced += other.replaced
        self.missing += other.missing
        self.differing += other.differing
        self.by_other_source += other.by_other_source
        self.source_differences += other.source_differences[: SHOWN_MAX - len(self.source_differences)]
        self.differences += other.differences[: SHOWN_MAX - len(self.differences)]


def hours_to_recount(database: Database, hours: HourRange) -> list[Hour]:
    """The hours of a range of which landing files are on record."""
    with database.read_only().connect() as connection:
        return hours_with_files(connection, hours)


def recount(database: Database, zone: LandingZone, hours: Sequence[Hour], workspace: Path) -> Iterator[Recount]:
    """Reads the files of each hour again, over a connection that cannot write, and yields what each hour came to.

    Memory is that of a load: some files and a batch of rows at a time. Raises ``LandingError`` when the landing zone
    is gone or an hour's folder cannot be listed: then nobody knows what is there.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    zone.folders(hours)  # a zone that is not there is no zone without files
    with database.read_only().connect() as connection:
        for hour in hours:
            yield _recount_hour(connection, zone, hour, workspace)


def _recount_hour(connection: psycopg.Connection, zone: LandingZone, hour: Hour, workspace: Path) -> Recount:
    parameters = {"hour": hour.start, "not_kept": [Reason.TIME_NOT_KEPT.value, Reason.COLUMNS_REFUSED.value]}
    with connection.cursor(row_factory=class_row(RecordedFile)) as cursor:
        recorded = cursor.execute(statement("recorded_files"), parameters).fetchall()
    newest = {file.path: file for file in recorded if file.is_newest}
    there = zone.listing(hour).files
    result = Recount(files=len(newest), replaced=len(recorded) - len(newest))
    result.missing = sorted(newest.keys() - {file.path for file in there})
    for file in there:
        if file.path not in newest:
            _tell(result, FileDifference(file.path, "not loaded", "nothing", f"{file.size} bytes"))
    for files in files_at_once(file for file in there if file.path in newest):
        _compare(connection, zone, files, newest, workspace, result)
    return result


def _compare(
    connection: psycopg.Connection,
    zone: LandingZone,
    files: Sequence[LandingFile],
    newest: dict[str, RecordedFile],
    workspace: Path,
    result: Recount,
) -> None:
    """Some files of an hour: first by their SHA-256, and those that are the same by what is counted of them."""
    register = SensorRegister(pl.DataFrame(read_register(connection), schema=REGISTER_SCHEMA, orient="row"))
    with ExitStack() as copies:
        tallies: list[FileTally] = []
        for file in files:
            recorded = newest[file.path]
            try:
                snapshot: Snapshot = copies.enter_context(zone.snapshot(file, workspace))
            except LandingFileVanishedError:
                result.missing.append(file.path)
            except LandingError as error:
                _tell(result, FileDifference(file.path, "cannot be read", recorded.content_hash, str(error)))
            else:
                if snapshot.content_hash == recorded.content_hash:
                    tallies.append(FileTally(recorded.file_id, file, snapshot, snapshot.damage, register))
                else:
                    _tell(result, FileDifference(file.path, "content", recorded.content_hash, snapshot.content_hash))
        counts, sums = _counts(tallies)
    tallies = _by_the_same_source(tallies, newest, counts, sums, result)
    by_id = {tally.file_id: newest[tally.file.path] for tally in tallies}
    rows = counts.group_by("file_id").agg(pl.col("row_count", "rejected_count").sum())
    found = {file_id: numbers for file_id, *numbers in rows.iter_rows()}
    differing = set()
    for file_id, recorded in by_id.items():
        row_count, rejected_count = found.get(file_id, (0, 0))
        result.rows += row_count
        for what, was, now in (
            ("rows", recorded.row_count, row_count),
            ("rejected rows", recorded.rejected_count, rejected_count),
        ):
            if was != now:
                differing.add(file_id)
                _tell(result, FileDifference(recorded.path, what, str(was), str(now)))
    for file_id, tenant, was, now in _differing_tenants(connection, counts, list(by_id)).iter_rows():
        differing.add(file_id)
        _tell(result, FileDifference(by_id[file_id].path, "rows of a tenant", str(was), str(now), tenant))
    result.same += len(tallies) - len(differing)


def _by_the_same_source(
    tallies: Sequence[FileTally],
    newest: dict[str, RecordedFile],
    counts: pl.DataFrame,
    sums: dict[int, Sums],
    result: Recount,
) -> list[FileTally]:
    """Those that are read as they were then; of the others it is said what would differ."""
    same = []
    for tally in tallies:
        recorded, source = newest[tally.file.path], tally.file.source
        if recorded.source_sha256 == (source.sha256 if source is not None else None):
            same.append(tally)
            continue
        rejected = int(counts.filter(pl.col("file_id") == tally.file_id)["rejected_count"].sum())
        now = _told(tally.rows, tally.rows - rejected, None if recorded.degrees is None else sums[tally.file_id])
        result.by_other_source += 1
        result.rows += tally.rows
        if now != recorded.told and len(result.source_differences) < SHOWN_MAX:
            words = f"read by {recorded.source or 'no source'}, now by {source.name if source else 'no source'}"
            result.source_differences.append(FileDifference(recorded.path, words, recorded.told, now))
    return same


def _told(rows: int, readings: int, sums: Sums | None) -> str:
    summed = ""
    if sums is not None:
        further = (f", {name} {total.normalize():f}" for name, total in sorted(sums.numbers.items()))
        summed = f" of {sums.degrees:.1f} °C together" + "".join(further)
    return f"{rows} rows = {readings} readings{summed} + {rows - readings} rejected"


def _counts(tallies: Sequence[FileTally]) -> tuple[pl.DataFrame, dict[int, Sums]]:
    """Rows, and of these rejected ones, per file and tenant; without a tenant those that are nobody's.

    And what each file's readings come to together.
    """
    counts, sums = [_COUNTS.to_frame()], {tally.file_id: Sums() for tally in tallies}
    sources = {tally.file_id: tally.file.source for tally in tallies}
    for _, _, judged in judged_rows(tallies, None):
        readings = valid_readings(judged)
        for file_id, summed in readings.group_by("file_id").agg(pl.col("temperature_c").sum()).iter_rows():
            sums[file_id].degrees += summed
        _add_numbers(readings, sources, sums)
        valid = readings.group_by(_OF_TENANT).agg(row_count=pl.len().cast(pl.Int64))
        rejected = rejected_rows(judged).group_by(_OF_TENANT).agg(row_count=pl.len().cast(pl.Int64))
        counts.append(valid.with_columns(rejected_count=pl.lit(0, pl.Int64)).select(_COUNTS.names()))
        counts.append(rejected.with_columns(rejected_count=pl.col("row_count")).select(_COUNTS.names()))
    return pl.concat(counts).group_by(_OF_TENANT).agg(pl.col("row_count", "rejected_count").sum()), sums


def _add_numbers(readings: pl.DataFrame, sources: Mapping[int, Source | None], sums: Mapping[int, Sums]) -> None:
    """Of files whose sources keep numbers; each file has them in its source's own order."""
    if "numbers" not in readings.columns:
        return
    for (file_id,), of_file in readings.group_by("file_id"):
        source, summed = sources[int(str(file_id))], sums[int(str(file_id))].numbers
        for place, number in enumerate(source.numbers if source is not None else ()):
            parts = of_file["numbers"].list.get(place).drop_nulls()
            if parts.len():
                summed[number.name] = summed.get(number.name, Decimal()) + Decimal(int(parts.sum())) / number.type.parts


def _differing_tenants(connection: psycopg.Connection, counts: pl.DataFrame, file_ids: list[int]) -> pl.DataFrame:
    """File, tenant, rows on record and rows found, where they differ; only of files whose tenants are on record."""
    rows = connection.execute(statement("recorded_tenant_rows"), {"file_ids": file_ids}).fetchall()
    recorded = pl.DataFrame(rows, schema=_COUNTS, orient="row")
    both = recorded.join(counts, on=_OF_TENANT, how="full", coalesce=True, nulls_equal=True, suffix="_found")
    return (
        both.filter(pl.col("file_id").is_in(recorded["file_id"].unique().implode()))
        .with_columns(pl.col("row_count", "row_count_found").fill_null(0))
        .filter(pl.col("row_count") != pl.col("row_count_found"))
        .select(*_OF_TENANT, "row_count", "row_count_found")
        .sort(_OF_TENANT)
    )


def _tell(result: Recount, difference: FileDifference) -> None:
    result.differing += 1
    result.differences.append(difference)
