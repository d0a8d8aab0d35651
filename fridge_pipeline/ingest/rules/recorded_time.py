"""The time of a reading.

Text is a date, ``T`` or a space, a time of day, perhaps a fraction (cut off at microseconds), and perhaps
an offset: ``Z``, ``+02:00``, ``+0200`` or ``+02``. Without an offset it means UTC. Seconds may be missing
(``18:00Z``), because Java leaves them out when they are zero. A date alone, a time of 24:00, a leap second,
week dates and the compact form ``20260124T180000Z`` are no times of a reading.
"""

from __future__ import annotations

import polars as pl

#: The type of every parsed time.
RECORDED_AT = pl.Datetime("us", "UTC")

_SHAPE = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9]"
    r"([.,][0-9]+)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?$"
)
#: How most machines write a time of UTC.
_USUAL_SHAPE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|\+00:00)?$"
_SECONDS_AT, _FRACTION_AT = 16, 19  # characters before ":SS", and before the fraction or offset
_CALENDAR_MS = (-62_135_596_800_000, 253_402_300_799_999)  # years 1 to 9999, as Python and ISO 8601 count
_UNITS_PER_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}
_INT64 = (-(2**63), 2**63 - 1)


def in_calendar(timestamp: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    """Whether a timestamp lies in the years 1 to 9999; polars and Python fail to show any other."""
    scale = _UNITS_PER_MS[dtype.time_unit]
    earliest, latest = (limit * scale for limit in _CALENDAR_MS)
    return timestamp.to_physical().is_between(max(earliest, _INT64[0]), min(latest + scale - 1, _INT64[1]))


def are_usual(times: pl.Series) -> bool:
    """Whether all of them, as far as they are there, are texts of the shape that is parsed in half the time."""
    return times.dtype == pl.String and bool(times.str.contains(_USUAL_SHAPE).all())


def with_parsed_time(rows: pl.LazyFrame, column: str, *, are_usual: bool = False) -> pl.LazyFrame:
    """The same rows with the column as ``Datetime("us", "UTC")``; null where it is no time of our calendar.

    The column comes as text without blanks around it, as a timestamp, or as nothing but nulls.
    """
    dtype = rows.collect_schema()[column]
    if isinstance(dtype, pl.Datetime):
        return rows.with_columns(_from_timestamp(pl.col(column), dtype))
    return _with_usual_time(rows, column) if are_usual else _with_time_from_text(rows, column)


def _from_timestamp(timestamp: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    as_microseconds = pl.when(in_calendar(timestamp, dtype)).then(timestamp).dt.cast_time_unit("us")
    if dtype.time_zone is None:
        return as_microseconds.dt.replace_time_zone("UTC")
    return as_microseconds.dt.convert_time_zone("UTC")


def _with_usual_time(rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    text = pl.col(column)
    digits = text.str.strip_suffix("Z").str.strip_suffix("+00:00").str.slice(_FRACTION_AT + 1)
    fraction = pl.duration(microseconds=digits.str.pad_end(6, "0").cast(pl.Int64, strict=False))
    return rows.with_columns(_clock(text.str.head(_FRACTION_AT)) + fraction).with_columns(
        pl.when(in_calendar(text, RECORDED_AT)).then(text)
    )


def _with_time_from_text(rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Cut by position and step by step: five times as fast as one pattern, or as one nested expression."""
    text, clock, tail = pl.col(column), pl.col("_clock"), pl.col("_tail")
    minutes_only = pl.concat_str(text.str.head(_SECONDS_AT), pl.lit(":00"), text.str.slice(_SECONDS_AT))
    return (
        rows.with_columns(text.cast(pl.String).str.to_uppercase())
        .with_columns(pl.when(text.str.slice(_SECONDS_AT, 1) == ":").then(text).otherwise(minutes_only))
        .with_columns(
            _is_time=text.str.contains(_SHAPE),
            _clock=_clock(text.str.head(_FRACTION_AT)),
            _tail=text.str.slice(_FRACTION_AT),
        )
        .with_columns(_fraction=_fraction(tail), _offset=_offset(tail))
        .with_columns(pl.when("_is_time").then(clock + pl.col("_fraction") - pl.col("_offset")).alias(column))
        .with_columns(pl.when(in_calendar(text, RECORDED_AT)).then(text))
        .drop("_is_time", "_clock", "_tail", "_fraction", "_offset")
    )


def _clock(text: pl.Expr) -> pl.Expr:
    with_t = text.str.replace(" ", "T", literal=True)
    return with_t.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", time_zone="UTC", strict=False)


def _fraction(tail: pl.Expr) -> pl.Expr:
    digits = tail.str.extract(r"^[.,]([0-9]{1,6})")
    return pl.duration(microseconds=digits.str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0))


def _offset(tail: pl.Expr) -> pl.Expr:
    digits = tail.str.extract(r"[+-]([0-9:]+)$").str.replace(":", "", literal=True)
    hours = digits.str.head(2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = digits.str.slice(2).cast(pl.Int64, strict=False).fill_null(0)
    size = 60 * hours + minutes
    return pl.duration(minutes=pl.when(tail.str.contains("-", literal=True)).then(-size).otherwise(size))
