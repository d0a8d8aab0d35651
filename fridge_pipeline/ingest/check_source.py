"""What a source makes of one file, without loading anything: first readings, counts, reasons, and what looks wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.check_numbers import NumberCheck, checked_numbers, numbers_told, summed_numbers
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.private_copy import take_snapshot
from fridge_pipeline.ingest.landing.source_rows import file_batches
from fridge_pipeline.ingest.rules.landing_files import FileFormat
from fridge_pipeline.ingest.rules.reading import FIELDS, Reason, judge, rejected_rows, valid_readings
from fridge_pipeline.ingest.rules.rejections import SAID, likely_causes
from fridge_pipeline.ingest.rules.source import Source

#: So many readings and bars are shown.
FIRST_READINGS = 5
BARS = 10


@dataclass(frozen=True, slots=True)
class Rejection:
    """A reason, for how many rows, the first of them with its line, and what they look like, where it is known.

    ``time`` is what its source read as the time of the first of them.
    """

    reason: str
    rows: int
    line: int
    example: str
    looks_like: str | None
    time: str | None = None


@dataclass(slots=True)
class SourceCheck:
    """What a file would become. Temperatures in degrees Celsius; a bar counts the readings from its start on.

    ``repeated`` readings have sensor and time of another. ``numbers`` are what the source keeps besides the
    temperature; ``first_numbers`` are those of the first readings.
    Where the sensor register says the tenant, which is not asked here, a first reading has none, and ``tenants`` is 0.
    """

    source: str | None
    rows: int = 0
    readings: int = 0
    damage: str | None = None
    first: list[tuple[int, str | None, str, datetime, float]] = field(default_factory=list)
    first_numbers: list[dict[str, float]] = field(default_factory=list)
    tenants: int = 0
    sensors: int = 0
    repeated: int = 0
    earliest: datetime | None = None
    latest: datetime | None = None
    lowest_c: float | None = None
    highest_c: float | None = None
    bars: list[tuple[float, int]] = field(default_factory=list)
    numbers: list[NumberCheck] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_source(file: Path, path_below_hour: str, source: Source | None, landing_hour: Hour) -> SourceCheck:
    """Reads the file as if it had landed in that hour; ``source`` None reads the canonical columns.

    Raises ``OSError`` when there is no such file. What cannot be read of it stands in ``damage``.
    """
    check = SourceCheck(source.name if source else None)
    valid: list[pl.DataFrame] = []
    rejected: list[pl.DataFrame] = []
    told: list[pl.Series] = []
    numbers: list[pl.DataFrame] = []
    file_format = FileFormat.of(path_below_hour)
    with (
        TemporaryDirectory(prefix="fridge-source-") as folder,
        file.open("rb") as stream,
        take_snapshot(stream, Path(folder), file_format, by_content=source is not None) as snapshot,
    ):
        try:
            for raw in file_batches(snapshot, file_format, source, path_below_hour):
                judged = _judged(raw, source, landing_hour)
                check.rows += judged.height
                readings = valid_readings(judged)
                check.first_numbers += numbers_told(readings.head(FIRST_READINGS - len(check.first)), source)
                valid.append(_summed(check, readings))
                told.append(readings.select(pl.struct("tenant_id", "sensor_id", "recorded_at").hash()).to_series())
                if source is not None and source.numbers:
                    numbers.append(summed_numbers(readings, source))
                rejected.append(_reasons(raw, judged, landing_hour))
        except UnreadableFileError as error:
            check.damage = str(error)
    check.numbers = checked_numbers(numbers, source)
    _add_readings(check, valid)
    _add_rejections(check, rejected)
    check.repeated = check.readings - pl.concat(told).n_unique() if told else 0
    check.warnings = [*warnings_of(check), *(_doubts_of(check, source) if source else ())]
    return check


def _judged(raw: pl.DataFrame, source: Source | None, landing_hour: Hour) -> pl.DataFrame:
    """As if every sensor were registered, where the register says the tenant; the tenant is then null."""
    if source is None or not source.tenant_id.register:
        return judge(raw, landing_hour)
    somebodys = raw.with_columns(tenant_id=pl.lit("by register"))
    return judge(somebodys, landing_hour).with_columns(tenant_id=pl.lit(None, pl.String))


def _summed(check: SourceCheck, readings: pl.DataFrame) -> pl.DataFrame:
    """Readings by tenant, sensor and whole degree: as small for millions of rows as for a few."""
    missing = FIRST_READINGS - len(check.first)
    check.first += readings.select("line", *FIELDS).head(max(0, missing)).rows()
    time, temperature = pl.col("recorded_at"), pl.col("temperature_c")
    return readings.group_by("tenant_id", "sensor_id", temperature.floor().cast(pl.Int64).alias("degree")).agg(
        pl.len().alias("readings"),
        time.min().alias("earliest"),
        time.max().alias("latest"),
        temperature.min().alias("lowest"),
        temperature.max().alias("highest"),
    )


def _add_readings(check: SourceCheck, parts: Sequence[pl.DataFrame]) -> None:
    all_of = pl.concat(parts) if parts else pl.DataFrame()
    if all_of.is_empty():
        return
    check.readings = int(all_of["readings"].sum())
    check.tenants, check.sensors = (
        all_of["tenant_id"].drop_nulls().n_unique(),
        all_of.n_unique(["tenant_id", "sensor_id"]),
    )
    check.earliest, check.latest = all_of.select(pl.col("earliest").min(), pl.col("latest").max()).row(0)
    check.lowest_c, check.highest_c = all_of.select(pl.col("lowest").min(), pl.col("highest").max()).row(0)
    lowest, highest = int(all_of["degree"].min()), int(all_of["degree"].max())  # type: ignore[arg-type]
    width = max(1, -(-(highest - lowest + 1) // BARS))
    bar = lowest + (pl.col("degree") - lowest) // width * width
    check.bars = all_of.group_by(bar.alias("bar")).agg(pl.col("readings").sum()).sort("bar").rows()


def _reasons(raw: pl.DataFrame, judged: pl.DataFrame, landing_hour: Hour) -> pl.DataFrame:
    rows = rejected_rows(judged)
    is_rejected = judged["reason"].is_not_null()
    as_read = raw.filter(is_rejected)
    causes = likely_causes(rows, as_read, judged.filter(is_rejected), landing_hour)
    said = SAID["recorded_at"]
    return (
        rows.with_columns(
            causes.alias("cause"), time=as_read[said].cast(pl.String) if said in as_read.columns else None
        )
        .group_by("reason", "cause", maintain_order=True)
        .agg(pl.len().alias("rows"), pl.col("line", "raw", "time").first())
    )


def _add_rejections(check: SourceCheck, parts: Sequence[pl.DataFrame]) -> None:
    all_of = pl.concat(parts) if parts else pl.DataFrame()
    if all_of.is_empty():
        return
    summed = (
        all_of.group_by("reason", "cause", maintain_order=True)
        .agg(pl.col("rows").sum(), pl.col("line", "raw", "time").first())
        .sort("rows", descending=True, maintain_order=True)
    )
    check.rejections = [
        Rejection(*each) for each in summed.select("reason", "rows", "line", "raw", "cause", "time").iter_rows()
    ]


#: A cold room or freezer is below this; a whole file above it is measured in another unit, or is no fridge.
COLD_BELOW_C = 25.0

#: A share of the rows that one value for "nothing measured", or one reason, should not have.
LARGE_SHARE = 0.5


def warnings_of(check: SourceCheck) -> list[str]:
    """What looks wrong, in sentences; nothing where nothing does."""
    found = []
    if check.rows and not check.readings:
        found.append("not one row is a reading")
    if check.lowest_c is not None and check.lowest_c > COLD_BELOW_C:
        found.append(
            f"every temperature is above {COLD_BELOW_C:g} °C, from {check.lowest_c:g} to {check.highest_c:g}: "
            'degrees Fahrenheit would be unit = "fahrenheit", tenths by scale = 0.1'
        )
    others = sum(each.rows for each in check.rejections if each.reason == Reason.OTHER_MEASURE)
    for each in check.rejections:
        of_rows = check.rows if each.reason == Reason.OTHER_MEASURE else check.rows - others
        if each.rows > LARGE_SHARE * of_rows:
            found.append(f"{each.rows} of {of_rows} rows are rejected for one reason: {each.reason}")
        if each.looks_like:
            found.append(f"{each.rows} rows look like {each.looks_like}")
    if check.readings:
        found += [each.warning for each in check.numbers if each.warning is not None]
    if check.repeated:
        found.append(
            f"{check.repeated} readings have the sensor and the time of another in this file, so they are duplicates "
            "and do not count: is each sent twice, or do sensor_id or recorded_at leave out what tells them apart?"
        )
    if check.readings and check.sensors == check.readings and check.readings > FIRST_READINGS:
        found.append("every reading has a sensor of its own: is sensor_id a number of the message?")
    return found


def _doubts_of(check: SourceCheck, source: Source) -> list[str]:
    """What its own keys may have wrong."""
    times, found = [each for each in check.rejections if each.reason == Reason.UNREADABLE_TIME], list[str]()
    if times and "%" in source.recorded_at.format:
        rows, example = sum(each.rows for each in times), times[0].time
        found.append(f"{rows} rows have a time that {source.recorded_at.format} does not read, such as {example!r}")
    are_missing = all(each.reason.startswith("missing") for each in check.rejections)
    if source.embedded and check.rows and not check.readings and are_missing:
        found.append(
            f"nothing was found in {', '.join(source.embedded)}: is it JSON, plain or in base64? "
            "Other payloads are for the gateway to decode"
        )
    return found
