"""The reading: one temperature of one sensor at one time, and the verdict on a row that claims to be one.

A reading's identity is (tenant_id, sensor_id, recorded_at). ``judge`` never drops a row: a row is a valid
reading, or it carries the one reason why it is none, so that rows = readings + rejected.
"""

from __future__ import annotations

from datetime import MINYEAR, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

import polars as pl
from polars import selectors

from fridge_pipeline.catalogue.tenant import ID_LENGTH_MAX
from fridge_pipeline.ingest.rules import recorded_time
from fridge_pipeline.ingest.rules.blank import BLANK

if TYPE_CHECKING:
    from polars._typing import PolarsDataType

    from fridge_pipeline.calendar.hours import Hour

#: Frame in, same kind of frame out.
FrameT = TypeVar("FrameT", pl.DataFrame, pl.LazyFrame)

#: Lowest and highest temperature that is a reading, in degrees Celsius, both included.
TEMPERATURE_MIN_C = -100.0
TEMPERATURE_MAX_C = 150.0

#: A sensor's clock may run ahead by this much; a time later than the landing hour's end plus this is wrong.
LATEST_AFTER_HOUR_END = timedelta(minutes=5)

#: A reading older than this many calendar years before the start of its landing hour is wrong: the limit is
#: the same date and time three years earlier (28 February for a 29 February).
OLDEST_BEFORE_HOUR_YEARS = 3

#: Longest id in bytes of UTF-8. PostgreSQL refuses B-tree entries above 2,704 bytes (a third of its 8 kB page;
#: nbtree.h, BTMaxItemSize) and an index may hold both ids and the time.
ID_BYTES_MAX = 1_300

#: Longest text kept of a rejected row, in characters.
RAW_LENGTH_MAX = 1_000

IDS = ("tenant_id", "sensor_id")
FIELDS = (*IDS, "recorded_at", "temperature_c")

#: A valid reading.
READING_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "sensor_id": pl.String(),
        "recorded_at": pl.Datetime("us", "UTC"),
        "temperature_c": pl.Float64(),
    }
)

#: A valid reading with the integer key of its sensor and the number of its landing file, as it is stored.
ARRIVAL_SCHEMA = pl.Schema(
    {
        "recorded_at": pl.Datetime("us", "UTC"),
        "sensor_key": pl.Int32(),
        "temperature_c": pl.Float64(),
        "file_id": pl.Int32(),
    }
)

#: The same of readings with which a source keeps numbers besides, each in whole parts and at its place.
NUMBERED_SCHEMA = pl.Schema({**ARRIVAL_SCHEMA, "numbers": pl.List(pl.Int64())})

#: What makes it one reading, and the order in which readings are stored: the sensor key stands for both ids.
IDENTITY = ["recorded_at", "sensor_key"]

#: Stands for the tenant of a sensor that the register does not know, until its row is judged. A character of nobody's.
UNREGISTERED = "\ue000"

#: A row of a text file before judgement. Parquet rows have the file's own types in the four fields, and in
#: ``raw`` a struct of them. ``line`` is the 1-based place in the file; ``fault`` is what its reader already
#: knows to be wrong with the row (a ``Reason``), else null.
RAW_SCHEMA = pl.Schema(
    {
        "line": pl.Int64(),
        "tenant_id": pl.String(),
        "sensor_id": pl.String(),
        "recorded_at": pl.String(),
        "temperature_c": pl.String(),
        "fault": pl.String(),
        "raw": pl.String(),
    }
)


#: Rows of several files keep their ``file_id``, where they have one, through everything below.
_FILE_ID = selectors.by_name("file_id", require_all=False)

#: And the numbers that their source keeps besides the temperature.
NUMBERS = selectors.by_name("numbers", require_all=False)


class Reason(StrEnum):
    """Why a row is not a valid reading, in words that stay the same: people filter and count by them."""

    # What a file's reader finds before there are fields to judge.
    LINE_TOO_LONG = "line too long"
    CUT_OFF = "cut off where the file is damaged"
    WRONG_FIELD_COUNT = "wrong number of fields"
    BROKEN_QUOTES = "broken quotes"
    NOT_A_JSON_OBJECT = "not a JSON object"
    ID_NOT_TEXT = "id is neither text nor a number"
    # What a source finds in the columns it is told to read.
    NO_MEASUREMENT = "no measurement"
    OTHER_MEASURE = "a row of another measure"
    AMBIGUOUS_LOCAL_TIME = "local time that a clock change repeats"
    IMPOSSIBLE_LOCAL_TIME = "local time that a clock change skips"
    UNREADABLE_NUMBER = "unreadable number beside the temperature"
    NUMBER_OUT_OF_RANGE = "number beside the temperature out of range"
    NUMBER_NOT_WHOLE = "number beside the temperature with a fraction"
    NOT_REGISTERED = "sensor not in the register at that time"
    COLUMNS_REFUSED = "columns that the source's contract refuses"
    # What `judge` finds in the fields.
    MISSING_TENANT_ID = "missing tenant_id"
    MISSING_SENSOR_ID = "missing sensor_id"
    MISSING_RECORDED_AT = "missing recorded_at"
    MISSING_TEMPERATURE = "missing temperature_c"
    UNREADABLE_TEMPERATURE = "unreadable temperature"
    TEMPERATURE_NOT_FINITE = "temperature not finite"
    TEMPERATURE_OUT_OF_RANGE = "temperature out of range"
    UNREADABLE_TIME = "unreadable time"
    TIME_TOO_LATE = "time too late for the landing hour"
    TIME_TOO_OLD = "time more than three years before the landing hour"
    TIME_NOT_KEPT = "time before the readings that are kept"
    ID_TOO_LONG = "id too long"
    ID_BROKEN = "id with NUL or broken encoding"


#: A row of which the fields cannot be told apart, so nobody knows whose it is, whatever stands where the tenant would.
_UNREADABLE = (
    Reason.LINE_TOO_LONG,
    Reason.CUT_OFF,
    Reason.WRONG_FIELD_COUNT,
    Reason.BROKEN_QUOTES,
    Reason.NOT_A_JSON_OBJECT,
    Reason.ID_NOT_TEXT,
)


def judge(raw: FrameT, landing_hour: Hour, kept_from: datetime | None = None) -> FrameT:
    """Type the four fields and say of each row why it is not a reading, or nothing.

    In: a frame as in ``RAW_SCHEMA``. Out: the same rows in the same order with ``line``, the fields typed as
    in ``READING_SCHEMA``, ``raw``, and ``reason``: null for a valid reading, else the first reason in the
    order of ``Reason``. Blanks around a field do not matter (``BLANK``); otherwise ids stay verbatim. Readings before
    ``kept_from`` were dropped, so nobody knows any more whether they were counted.
    """
    if isinstance(raw, pl.DataFrame):
        times = recorded_time.are_usual(raw["recorded_at"])
        return _judged(raw.lazy(), landing_hour, kept_from, are_times_usual=times).collect(engine="streaming")
    return _judged(raw, landing_hour, kept_from)


def _judged(
    raw: pl.LazyFrame, landing_hour: Hour, kept_from: datetime | None, *, are_times_usual: bool = False
) -> pl.LazyFrame:
    stripped = _without_blanks(raw)
    return (
        stripped.with_columns(_missing(stripped.collect_schema()).alias("missing"))
        .with_columns(pl.col("temperature_c").cast(pl.Float64, strict=False))
        .pipe(recorded_time.with_parsed_time, "recorded_at", are_usual=are_times_usual)
        .with_columns(_reason(landing_hour, kept_from).alias("reason"))
        .select("line", *FIELDS, "reason", "raw", _FILE_ID, NUMBERS)
    )


def valid_readings(judged: FrameT) -> FrameT:
    """The valid readings among judged rows, one row per row of the file: ``line`` and ``READING_SCHEMA``."""
    return judged.filter(pl.col("reason").is_null()).select("line", *FIELDS, _FILE_ID, NUMBERS)


def rejected_rows(judged: FrameT) -> FrameT:
    """The rejected among judged rows: ``line``, ``reason``, ``raw``, what the row said, and ``tenant_id``.

    ``raw`` is text that PostgreSQL can store: at most ``RAW_LENGTH_MAX`` characters, NUL shown as U+2400. The tenant
    is null where the row does not say readably whose it is.
    """
    raw_type = judged.collect_schema()["raw"]
    return judged.filter(pl.col("reason").is_not_null()).select(
        "line",
        "reason",
        _raw_text(raw_type).str.head(RAW_LENGTH_MAX).str.replace_all("\0", "\u2400", literal=True),
        _known_tenant(),
        _FILE_ID,
    )


def latest_time(landing_hour: Hour) -> datetime:
    """The latest time a reading that lands in this hour may have, included."""
    return landing_hour.closes_at(LATEST_AFTER_HOUR_END)


def oldest_time(landing_hour: Hour) -> datetime:
    """The earliest time a reading that lands in this hour may have, included."""
    start = landing_hour.start
    year = max(start.year - OLDEST_BEFORE_HOUR_YEARS, MINYEAR)
    is_leap_day = (start.month, start.day) == (2, 29)  # never a date three years earlier
    return start.replace(year=year, day=28 if is_leap_day else start.day)


def _without_blanks(raw: pl.LazyFrame) -> pl.LazyFrame:
    """The same rows with both ids as text, and no blanks around any text."""
    schema, texts = raw.collect_schema(), pl.String | pl.Categorical | pl.Enum
    return raw.with_columns(
        pl.col(field).cast(pl.String).str.strip_chars(BLANK)
        for field in FIELDS
        if field in IDS or isinstance(schema[field], texts)
    )


def _missing(schema: pl.Schema) -> pl.Expr:
    """The reason of the first field that is null or, without blanks, empty."""
    reasons = (
        Reason.MISSING_TENANT_ID,
        Reason.MISSING_SENSOR_ID,
        Reason.MISSING_RECORDED_AT,
        Reason.MISSING_TEMPERATURE,
    )
    return pl.coalesce(
        _when(_is_empty(field, schema[field]), reason) for field, reason in zip(FIELDS, reasons, strict=True)
    )


def _is_empty(field: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(field)
    return column.is_null() | (column == "") if dtype == pl.String else column.is_null()


def _reason(landing_hour: Hour, kept_from: datetime | None) -> pl.Expr:
    """The first reason that applies to a typed row, null when none does."""
    time, temperature = pl.col("recorded_at"), pl.col("temperature_c")
    return pl.coalesce(
        pl.col("fault"),
        pl.col("missing"),
        _when(temperature.is_null(), Reason.UNREADABLE_TEMPERATURE),
        _when(~temperature.is_finite(), Reason.TEMPERATURE_NOT_FINITE),
        _when(~temperature.is_between(TEMPERATURE_MIN_C, TEMPERATURE_MAX_C), Reason.TEMPERATURE_OUT_OF_RANGE),
        _when(time.is_null(), Reason.UNREADABLE_TIME),
        _when(time > latest_time(landing_hour), Reason.TIME_TOO_LATE),
        _when(time < oldest_time(landing_hour), Reason.TIME_TOO_OLD),
        _when(time < pl.lit(kept_from, recorded_time.RECORDED_AT), Reason.TIME_NOT_KEPT),  # never, when it is null
        _when(pl.any_horizontal(_is_too_long(pl.col(field)) for field in IDS), Reason.ID_TOO_LONG),
        _when(pl.any_horizontal(_is_broken(pl.col(field)) for field in IDS), Reason.ID_BROKEN),
        _when(pl.col("tenant_id") == UNREGISTERED, Reason.NOT_REGISTERED),  # the last: else it would be a reading
    )


def _when(condition: pl.Expr, reason: Reason) -> pl.Expr:
    return pl.when(condition).then(pl.lit(reason.value))


def _is_too_long(identifier: pl.Expr) -> pl.Expr:
    return (identifier.str.len_chars() > ID_LENGTH_MAX) | (identifier.str.len_bytes() > ID_BYTES_MAX)


def _is_broken(identifier: pl.Expr) -> pl.Expr:
    # PostgreSQL text stores no NUL; U+FFFD stands where bytes were no UTF-8.
    return identifier.str.contains_any(["\0", "\ufffd"])


def _known_tenant() -> pl.Expr:
    """The tenant of a rejected row, null when the row is unreadable or what it says is no id."""
    tenant = pl.col("tenant_id")
    is_none = pl.any_horizontal(
        pl.col("reason").is_in([reason.value for reason in _UNREADABLE]),
        tenant.is_in(["", UNREGISTERED]),
        _is_too_long(tenant),
        _is_broken(tenant),
    )
    return pl.when(~is_none).then(tenant).alias("tenant_id")


def _raw_text(dtype: pl.DataType) -> pl.Expr:
    if not isinstance(dtype, pl.Struct):
        return pl.col("raw")
    texts = [
        pl.format(f"{field.name}={{}}", _as_text(pl.col("raw").struct.field(field.name), field.dtype))
        for field in dtype.fields
    ]
    return pl.concat_str(texts, separator=", ").alias("raw")


def _as_text(value: pl.Expr, dtype: PolarsDataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        within = pl.when(recorded_time.in_calendar(value, dtype)).then(value)
        value = within.cast(pl.String).fill_null(value.to_physical().cast(pl.String))
    return value.cast(pl.String).fill_null("null")
