"""Times as sources have them: ISO 8601, numbers since 1970, patterns of strptime, with the two bad hours of a year.

A local time in the hour that a clock change skips never was, and one in the hour that it repeats was twice.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import reduce
from operator import add
from typing import NamedTuple

import polars as pl

from fridge_pipeline.ingest.rules.reading import Reason
from fridge_pipeline.ingest.rules.recorded_time import RECORDED_AT, in_calendar, with_parsed_time
from fridge_pipeline.ingest.rules.source import PLACE, Ambiguous, Source, StepField, TimeField, TimeFormat, own

#: Units since 1970 in a microsecond, or microseconds in a unit.
_MICROSECONDS = {TimeFormat.EPOCH_S: 1_000_000, TimeFormat.EPOCH_MS: 1_000, TimeFormat.EPOCH_US: 1}
_NANOSECONDS_PER_MICROSECOND = 1_000

#: Beyond this no number of microseconds is a time of our calendar, and none overflows.
_MICROSECONDS_MAX = 2.6e17

#: From the day 0 of spreadsheets, 30 December 1899, to 1970.
_DAYS_BEFORE_1970 = 25_569
_MILLISECONDS_PER_DAY = 86_400_000

#: What says the minute in a pattern; without it the hour alone says the time.
_MINUTE = re.compile(r"(?<!%)(?:%%)*%[-_0]?[MTRrXcs]")

#: Numbers side by side in a pattern, without anything between them; how many digits each has, where not two.
_SIDE_BY_SIDE = re.compile(r"((?:%[-_0]?(?:[YymdeHkIlMSj]|[369]f)){2,})")
_DIGITS = {"Y": 4, "j": 3, "3": 3, "6": 6, "9": 9}

#: What else a pattern has, and what it may be in a text.
_BETWEEN = (
    (r"%[-_0]?(?:[YymdeHkIlMSj]|[369]f)", "[0-9]+"),
    (r"%[bBhaApP]", "[A-Za-z]+"),
    (r"%\.[369]?f", r"(?:\.[0-9]*)?"),
    (r"%[-_0:#]?.", ".*?"),
    (r"\s+", r"\s+"),
)

#: What stands for several directives; written out, the hour is found in a pattern.
_LONG = {"%T": "%H:%M:%S", "%R": "%H:%M", "%X": "%H:%M:%S", "%c": "%a %b %e %H:%M:%S %Y"}
_HOUR = re.compile(r"(?<!%)((?:%%)*)%[-_0]?[Hk]")

#: Of a day's end, 24:00, minutes, seconds and their fraction are zeros.
_ZEROS = ((r"%[-_0]?[MS]", "0{1,2}"), (r"%[369]f", "0+"), (r"%\.[369]?f", r"(?:\.0*)?"))

#: Records of one array lie within a thousand years, so that adding to a time of these years stays in the calendar.
LATER_MAX = 3e16
YEARS = (datetime(1900, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC))

_NAIVE = pl.Datetime("us")
_HAS_OFFSET = r"(?i)[0-9:](Z|[+-][0-9]{2}(:?[0-9]{2})?)$"


class _Local(NamedTuple):
    """A local time as an instant, read as the earlier and as the later of two."""

    earliest: pl.Expr
    latest: pl.Expr


def with_source_time(rows: pl.LazyFrame, column: str, time: TimeField) -> pl.LazyFrame:
    """The same rows with the column as ``Datetime("us", "UTC")``, null where it is no time, and a ``time_fault``.

    The column is text without blanks around it, a number, or a timestamp, which is that time whatever format is said.
    ``time_fault`` is null, or the ``Reason`` for which a local time is no instant.
    """
    dtype = rows.collect_schema()[column]
    if isinstance(dtype, pl.Datetime) and (time.timezone is None or dtype.time_zone is not None):
        return with_parsed_time(rows, column).with_columns(time_fault=_no_fault())
    if isinstance(dtype, pl.Datetime):
        return _with_instant(rows, column, pl.col(column).dt.cast_time_unit("us"), time)
    if time.is_epoch:
        return rows.with_columns(_from_epoch(pl.col(column), dtype, TimeFormat(time.format)), time_fault=_no_fault())
    if time.format == TimeFormat.EXCEL:
        return _with_instant(rows, column, _from_days(pl.col(column)), time)
    if time.format == TimeFormat.ISO:
        return _with_iso(rows, column, time)
    return _with_pattern(rows, column, time)


def to_minutes(text: pl.Expr, pattern: str) -> tuple[pl.Expr, str]:
    """A text and its pattern, with the minute where they have none: polars reads no hour alone."""
    return (text, pattern) if _MINUTE.search(pattern) else (text + " 00", f"{pattern} %M")


def _with_zeros(text: pl.Expr, pattern: str) -> pl.Expr:
    """A text with the zeros that numbers side by side have lost: of ``%H%M`` 105 is five past one, and not past ten."""
    between, runs = _SIDE_BY_SIDE.split(pattern)[::2], _SIDE_BY_SIDE.findall(pattern)
    if not runs:
        return text
    widths = [sum(_DIGITS.get(each, 2) for each in re.findall(r"%[-_0]?(\w)", run)) for run in runs]
    shape = f"^({_shape(between[0])})"
    for width, behind in zip(widths, between[1:], strict=True):
        shape += f"([0-9]{{1,{width}}})({_shape(behind)})"
    parts = text.str.extract_groups(f"{shape}$")
    # Fields are called by their places from 1 on: every other one is a run.
    filled = [parts.struct.field(str(2 * place + 2)).str.zfill(width) for place, width in enumerate(widths)]
    others = [parts.struct.field(str(2 * place + 1)) for place in range(len(between))]
    both = [part for pair in zip(others, [*filled, pl.lit("")], strict=True) for part in pair]
    return pl.coalesce(pl.concat_str(both), text)


def _shape(pattern: str, before: tuple[tuple[str, str], ...] = ()) -> str:
    """What a part of a pattern reads, as a regular expression; ``before`` says what is more than ``_BETWEEN`` does."""
    parts = (*before, *_BETWEEN)
    known = re.compile("|".join(f"({part})" for part, _ in parts))
    shape, end = "", 0
    for found in known.finditer(pattern):
        shape += re.escape(pattern[end : found.start()]) + parts[int(found.lastindex or 1) - 1][1]
        end = found.end()
    return shape + re.escape(pattern[end:])


def _parsed(text: pl.Expr, pattern: str) -> pl.Expr:
    """The times of a pattern. What is none otherwise is looked at again: all others are null there, and cost little."""
    times = text.str.to_datetime(pattern, time_unit="us", strict=False)
    odd, day = _as_usual(pl.when(times.is_null()).then(text), pattern), pl.duration(days=1)
    whole = re.sub("%[TRXc]", lambda found: _LONG[found[0]], pattern)
    if (hour := _HOUR.search(whole)) is None:
        return times.fill_null(odd.str.to_datetime(pattern, time_unit="us", strict=False))
    # 24:00 is the day's end, and so the next one's beginning.
    around = (_shape(whole[: hour.end(1)], _ZEROS), _shape(whole[hour.end() :], _ZEROS))
    ends = odd.str.extract_groups(f"^({around[0]})24({around[1]})$")
    begun = pl.concat_str(ends.struct.field("1"), pl.lit("00"), ends.struct.field("2"))
    again = pl.coalesce(begun, odd).str.to_datetime(pattern, time_unit="us", strict=False)
    return times.fill_null(pl.when(begun.is_null()).then(again).otherwise(again + day))


def _as_usual(text: pl.Expr, pattern: str) -> pl.Expr:
    """A text as other programs write it: ``p.m.`` and ``6:30p`` as PM, ``Sept`` as Sep, a fraction behind a point."""
    if re.search("%[pP]", pattern):
        text = text.str.replace(r"(?i)(^|[^a-z])([ap])(?:\.\s?m\.?|\b)", "${1}${2}m")
    if re.search(r"%\.[369]?f", pattern):
        text = text.str.replace("(:[0-9]{2}),([0-9])", "${1}.${2}")
    if re.search("%[bh]", pattern):
        text = text.str.replace(r"(?i)\bsept\b", "Sep")
    return text


def _no_fault() -> pl.Expr:
    return pl.lit(None, pl.String)


def _from_epoch(value: pl.Expr, dtype: pl.DataType, unit: TimeFormat) -> pl.Expr:
    """Whole numbers exactly, fractions to the microsecond; also as ``/Date(1769279400000)/``, of older JSON."""
    if dtype == pl.String:
        value = value.str.strip_prefix("/Date(").str.strip_suffix(")/")
    whole = value.cast(pl.Int64, strict=False)
    fraction = value.cast(pl.Float64, strict=False)
    if unit is TimeFormat.EPOCH_NS:
        exact, rounded = whole.floordiv(_NANOSECONDS_PER_MICROSECOND), fraction / _NANOSECONDS_PER_MICROSECOND
    else:
        exact, rounded = whole * _MICROSECONDS[unit], fraction * _MICROSECONDS[unit]
    is_near = rounded.abs() <= _MICROSECONDS_MAX  # false for what is not a number
    is_whole = pl.lit(dtype.is_integer()) | whole.is_not_null() if not dtype.is_float() else pl.lit(value=False)
    microseconds = pl.when(is_whole).then(exact).otherwise(pl.when(is_near).then(rounded).round().cast(pl.Int64))
    instant = pl.when(is_near).then(microseconds).cast(_NAIVE).dt.replace_time_zone("UTC")
    return pl.when(in_calendar(instant, RECORDED_AT)).then(instant).alias(value.meta.output_name())


def _from_days(value: pl.Expr) -> pl.Expr:
    """To the millisecond: spreadsheets keep a time as a fraction of a day, which is none exactly."""
    milliseconds = (value.cast(pl.Float64, strict=False) - _DAYS_BEFORE_1970) * _MILLISECONDS_PER_DAY
    is_near = milliseconds.abs() <= _MICROSECONDS_MAX / 1_000  # false for what is no number
    return (pl.when(is_near).then(milliseconds).round().cast(pl.Int64) * 1_000).cast(_NAIVE)


def _with_iso(rows: pl.LazyFrame, column: str, time: TimeField) -> pl.LazyFrame:
    if time.timezone is None:
        return with_parsed_time(rows, column).with_columns(time_fault=_no_fault())
    has_offset = pl.col(column).cast(pl.String).str.contains(_HAS_OFFSET)
    return (
        rows.with_columns(_has_offset=has_offset)
        .pipe(with_parsed_time, column)
        .with_columns(_clock=pl.col(column).dt.replace_time_zone(None))
        .pipe(_with_local, column, time)
        .drop("_has_offset", "_clock")
    )


def _with_pattern(rows: pl.LazyFrame, column: str, time: TimeField) -> pl.LazyFrame:
    text, pattern = to_minutes(_with_zeros(pl.col(column).cast(pl.String), time.format), time.format)
    if "%z" in pattern or "%:z" in pattern or "%#z" in pattern:
        if pattern.endswith("z"):  # of hours alone, or as a letter, which no pattern takes
            text = (
                text.str.replace(r"([+-])([0-9])$", "${1}0${2}")
                .str.replace(r"([+-][0-9]{2})$", "${1}00")
                .str.replace(r"[Zz]$", "+0000")
            )
        instant = _parsed(text, pattern).dt.convert_time_zone("UTC")
        return rows.with_columns(_in_calendar(instant).alias(column), time_fault=_no_fault())
    return _with_instant(rows, column, _parsed(text, pattern), time)


def _with_instant(rows: pl.LazyFrame, column: str, clock: pl.Expr, time: TimeField) -> pl.LazyFrame:
    if time.timezone is None:
        instant = clock.dt.replace_time_zone("UTC")
        return rows.with_columns(_in_calendar(instant).alias(column), time_fault=_no_fault())
    return (
        rows.with_columns(_clock=clock, _has_offset=pl.lit(value=False))
        .pipe(_with_local, column, time)
        .drop("_clock", "_has_offset")
    )


def _with_local(rows: pl.LazyFrame, column: str, time: TimeField) -> pl.LazyFrame:
    """What ``_clock`` shows in the zone, unless the text ``_has_offset``; then the column is the instant already."""
    clock, has_offset = pl.col("_clock"), pl.col("_has_offset")
    local = _local(clock, str(time.timezone))
    is_twice = local.earliest != local.latest
    is_never = clock.is_not_null() & local.earliest.is_null()
    chosen = local.latest if time.ambiguous is Ambiguous.LATEST else local.earliest
    is_refused = is_twice if time.ambiguous is None else pl.lit(value=False)
    instant = pl.when(~is_refused).then(chosen).dt.convert_time_zone("UTC")
    fault = (
        pl.when(has_offset)
        .then(None)
        .when(is_never)
        .then(pl.lit(Reason.IMPOSSIBLE_LOCAL_TIME.value))
        .when(is_refused)
        .then(pl.lit(Reason.AMBIGUOUS_LOCAL_TIME.value))
    )
    dtype = rows.collect_schema()[column]
    given = pl.col(column) if dtype == RECORDED_AT else pl.lit(None, RECORDED_AT)
    return rows.with_columns(
        pl.when(has_offset).then(given).otherwise(_in_calendar(instant)).alias(column),
        time_fault=fault,
    )


def _local(clock: pl.Expr, zone: str) -> _Local:
    earliest, latest = (
        clock.dt.replace_time_zone(zone, ambiguous=which, non_existent="null") for which in ("earliest", "latest")
    )
    return _Local(earliest, latest)


def _in_calendar(instant: pl.Expr) -> pl.Expr:
    return pl.when(in_calendar(instant, RECORDED_AT)).then(instant)


def later_by(source: Source) -> pl.Expr:
    """So many microseconds a row is later than its time: a step for each record before it, and what is said of it."""
    time, found = source.recorded_at, []
    if time.step is not None:  # which the first record does not need
        place = pl.col(own(PLACE)).cast(pl.Float64)
        found.append(pl.when(place == 0).then(0.0).otherwise(place * _microseconds(time.step, source)))
    if time.later is not None:
        found.append(_microseconds(time.later, source))
    microseconds = reduce(add, found, pl.lit(0.0))
    return pl.when(microseconds.abs() <= LATER_MAX).then(microseconds.round().cast(pl.Int64, strict=False))


def _microseconds(step: StepField, source: Source) -> pl.Expr:
    if step.column is None:
        return pl.lit(step.value) * step.scale * 1_000_000
    text = pl.col(own(step.column)).cast(pl.String)
    number = text.str.replace(source.csv.decimal, ".", literal=True).cast(pl.Float64, strict=False)
    return number * step.scale * 1_000_000


def made_later(time: TimeField) -> list[pl.Expr]:
    """The time of each record, where its source says that it is later."""
    at = pl.col("recorded_at")
    later = at + pl.duration(microseconds=pl.col("_later"))
    return [pl.when(at.is_between(*YEARS)).then(later)] if time.step or time.later else []
