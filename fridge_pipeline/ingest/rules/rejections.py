"""Files of which much is rejected, and the likely cause in words.

A hint for a person and never a rule: what looks like seconds since 1970 is rejected all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.rules.landing_files import REJECTED_KEPT_MAX
from fridge_pipeline.ingest.rules.reading import TEMPERATURE_MAX_C, Reason, latest_time
from fridge_pipeline.ingest.rules.recorded_time import RECORDED_AT

#: More than this share of a file's rows rejected is no stray row: something is wrong with whoever wrote it.
SHARE_MAX = 0.1

#: Of a tenant among others more than this share, so that one bad sensor of a few does not count as the tenant.
TENANT_SHARE_MAX = 0.5

#: Of so many tenants of a file the rejected rows are counted as theirs, the first. Those of others are nobody's: a row
#: that is rejected may say anything.
NAMED_MAX = 10_000

#: Rows of these reasons are no share of a file's loss: told separately, or, of another measure, no loss at all.
ASIDE = (
    Reason.CUT_OFF.value,
    Reason.NOT_REGISTERED.value,
    Reason.COLUMNS_REFUSED.value,
    Reason.OTHER_MEASURE.value,
)

#: So many reasons, and tenants, are shown of a file, and so much of a row.
REASONS_SHOWN, TENANTS_SHOWN, EXAMPLE_LENGTH_MAX, TENANT_LENGTH_MAX = 5, 5, 200, 60


@dataclass(frozen=True, slots=True)
class RejectedFor:
    """The rows of a file that were rejected for one reason, with the first of them and what most look like."""

    reason: str
    rows: int
    line: int
    example: str
    cause: str | None


@dataclass(frozen=True, slots=True)
class TenantShare:
    """A tenant of whose rows in a file more than ``TENANT_SHARE_MAX`` were rejected."""

    tenant_id: str
    rows: int
    rejected: int


def rejection_told(
    rows: int, reasons: Sequence[RejectedFor], lost: Sequence[TenantShare], not_kept: int = 0
) -> str | None:
    """What a person is told of a file with so many rows, ``None`` where there is nothing to tell.

    ``reasons`` are the most frequent first, and ``not_kept`` is how many rejected rows are counted only. Nothing told
    is longer than a page, whatever the file holds.
    """
    rejected = sum(each.rows for each in reasons)
    if rejected <= SHARE_MAX * rows and not lost and not not_kept:
        return None
    share = "all of them" if rejected == rows else f"{_percent(rejected, rows)} of them"
    parts = [f"{rejected} of {rows} rows are rejected and not counted, {share}"]
    parts += [_reason_told(each) for each in reasons[:REASONS_SHOWN]]
    if len(reasons) > REASONS_SHOWN:
        parts.append(f"and {len(reasons) - REASONS_SHOWN} more reasons")
    if not_kept:
        parts.append(
            f"the first {REJECTED_KEPT_MAX} rejected rows are kept one by one, the other {not_kept} by reason only"
        )
    if lost:
        parts.append(f"the loss of tenants: {_tenants_told(lost)}")
    return "; ".join(parts)


def _reason_told(each: RejectedFor) -> str:
    like = f", which looks like {each.cause}" if each.cause else ""
    return f"{each.rows} {each.reason}{like} (first in line {each.line}: {each.example[:EXAMPLE_LENGTH_MAX]})"


def _tenants_told(lost: Sequence[TenantShare]) -> str:
    shown = [f"{each.tenant_id[:TENANT_LENGTH_MAX]} {each.rejected} of {each.rows}" for each in lost[:TENANTS_SHOWN]]
    more = [f"and {len(lost) - TENANTS_SHOWN} more"] if len(lost) > TENANTS_SHOWN else []
    return ", ".join([*shown, *more])


def _percent(part: int, whole: int) -> str:
    """In whole percent, and neither 0 nor 100 where it is not."""
    return f"{min(max(round(100 * part / whole), 1), 99)} %"


#: Where a source has read them otherwise: what its file says in place of the time, and of the temperature.
SAID = {"recorded_at": "said_time", "temperature_c": "said_temperature"}

#: Of this shape, and a day of every month.
_ISO = r"^\d{4}-(0[1-9]|1[0-2])-([01]\d|2[0-8])[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?$"

#: What a text that is no time looks like; the first that fits.
_TIME_TEXTS = (
    (r"^20\d{2}[01]\d[0-3]\d(T?\d{2,6}(\.\d+)?(Z|[+-]\d{2}:?\d{2})?)?$", "a time without the - and : of ISO 8601"),
    (r"^[+-]?(\d{9,10}(\.\d*)?|\d\.\d+E\+?0?9)$", "epoch seconds (since 1970)"),
    (r"^[+-]?(\d{12,13}(\.\d*)?|\d\.\d+E\+?12)$", "epoch milliseconds (since 1970)"),
    (r"^[+-]?(\d{15,16}(\.\d*)?|\d\.\d+E\+?15)$", "epoch microseconds (since 1970)"),
    (r"^[+-]?(\d{18,19}(\.\d*)?|\d\.\d+E\+?18)$", "epoch nanoseconds (since 1970)"),
    (r"^[2-7]\d{4}([.,]\d+)?$", "days since 1900, as spreadsheets count"),
    (r"^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}", "a date with the day or the month first"),
    (r"^\d{4}[./]\d{1,2}[./]\d{1,2}", "a date with other separators than -"),
    (r"^\d{4}-\d{1,2}-\d{1,2}$", "a date without a time of day"),
    (r"^\d{1,2}:\d{2}", "a time of day without a date"),
    (r"(AM|PM)$", "a clock of twelve hours"),
    (r"JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC", "a month written as a word"),
    (r"^\d{4}-\d{2}-\d{2}.*(\[| ?[A-Z]{3,}|[+-]\d{2}:\d{2}:\d{2})", "a time zone given by its name"),
    (r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:[\d:.]+ +(Z|[+-]\d{2})", "a blank before the offset"),
    (_ISO, 'a time of ISO 8601, which is format = "iso" or none'),
    (r"^\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{1,2}", "a time that is not ISO 8601, such as 24:00 or without zeros"),
    (r"^(NULL|NONE|NAN|NAT|N/?A|UNDEFINED|-|0|0000-00-00.*)$", "a word for no time"),
)

#: What a text that is not a number looks like.
_TEMPERATURE_TEXTS = (
    (r"^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$", "a decimal comma"),
    (r"^[+-]?\d{1,3}([,.'’\s]\d{3})+([.,]\d*)?$", "a number with something between its thousands"),  # noqa: RUF001
    (r"^[+-]?\d+([.,]\d+)?\s*(°|º|DEG|CEL|FAH|KEL|C$|F$|K$)", "a unit behind the number"),
    (r"^[−–—]", "a minus sign that is not the one of the keyboard"),  # noqa: RUF001  # that is the point
    (r"^(NULL|NONE|N/?A|-+|ERR.*|FAIL.*|OFFLINE|OPEN|SHORT|.*DISCONNECT.*)$", "a word for no measurement"),
    (r"^0X[0-9A-F]+$", "a number written in hexadecimal"),
)

#: What a line of too many fields, or one that is not a JSON object, looks like.
_SPLIT_NUMBERS = (
    (r"(^|,)\s*[+-]?\d{1,3},\d{1,2}\s*(,|$)", "a decimal comma"),
    (r"[,;\t|]\s*$", "a separator behind the last field, for which the header has no name"),
    (r"\S {2,}\S", "columns that runs of blanks separate; have tabs between them"),
)
_ESCAPED = ((r'\\"', "quotes with a backslash before them; csv writes a quote within quotes twice"),)
_ARRAYS = (
    (r"^\s*\[", "an array where each line is to be one JSON object"),
    (r"\},\s*$", 'an element of an array; of a whole array the source says format = "json"'),
)

#: Numbers that sensors and their libraries send instead of a measurement.
_NO_MEASUREMENT = (
    *(-127.0, -999.0, -999.9, -999.99, -9999.0, 999.0, 999.9, 999.99, 9999.0, 255.0, 65535.0, 6553.5, 655.35),
    *(32767.0, 3276.7, 327.67, -32768.0, -3276.8, -327.68, -32767.0, -3276.7, -327.67, 850.0, 8500.0, -1270.0),
)

#: What a register of 16 bits holds is less; without a sign a number below zero is in its upper half.
_REGISTER = 2**16

#: Years in which clocks begin that were never set: of unix, GPS, many real-time clocks, spreadsheets and others.
_UNSET_YEARS = (1, 1601, 1899, 1900, 1904, 1969, 1970, 1980, 1999, 2000, 2001)

#: A GPS receiver that is too old counts weeks from 0 again after so many.
_GPS_WEEKS = 1024

#: A year before this one was written with two digits, and read as it stands.
_CENTURY = 100

#: Numbers since 1970 that are read in a smaller unit than they count in are days of its first weeks.
_SINCE_1970 = tuple((pattern, cause) for pattern, cause in _TIME_TEXTS if cause.startswith("epoch"))

#: No zone is further east of UTC; further ahead is no local time.
_HOURS_EAST_MAX = 14


def likely_causes(rejected: pl.DataFrame, raw: pl.DataFrame, judged: pl.DataFrame, landing_hour: Hour) -> pl.Series:
    """What each rejected row looks like, null where nothing is recognized.

    The three have a row for each rejected row, in one order: as ``rejected_rows`` shows it, as it was read, as judged.
    """
    time_text, temperature_text = (_text(raw[said if said in raw.columns else field]) for field, said in SAID.items())
    rows = pl.DataFrame(
        {
            "reason": rejected["reason"],
            "raw": rejected["raw"],
            "time_text": time_text,
            "temperature_text": temperature_text,
            "time": judged["recorded_at"],
            "temperature": judged["temperature_c"],
        }
    )
    return rows.select(_cause(landing_hour).alias("cause"))["cause"]


def _text(column: pl.Series) -> pl.Series:
    """Its text, without blanks around it, or its whole number; null for anything else in its file."""
    if column.dtype.is_integer():
        return column.cast(pl.String)
    if isinstance(column.dtype, pl.String | pl.Categorical | pl.Enum):
        return column.cast(pl.String).str.strip_chars().str.to_uppercase()
    return pl.Series(column.name, [None], pl.String).new_from_index(0, column.len())


def _cause(landing_hour: Hour) -> pl.Expr:
    return pl.coalesce(
        _if(Reason.UNREADABLE_TIME, _first(pl.col("time_text"), _TIME_TEXTS)),
        _if(Reason.UNREADABLE_TEMPERATURE, _first(pl.col("temperature_text"), _TEMPERATURE_TEXTS)),
        _if(Reason.TEMPERATURE_NOT_FINITE, pl.lit("a sensor that measures nothing")),
        _if(Reason.TEMPERATURE_OUT_OF_RANGE, _temperature()),
        _if(Reason.TIME_TOO_LATE, _late(landing_hour)),
        _if(Reason.TIME_TOO_OLD, _old(landing_hour)),
        _if(Reason.WRONG_FIELD_COUNT, _first(pl.col("raw"), _SPLIT_NUMBERS)),
        _if(Reason.BROKEN_QUOTES, _first(pl.col("raw"), _ESCAPED)),
        _if(Reason.NOT_A_JSON_OBJECT, _first(pl.col("raw"), _ARRAYS)),
        pl.lit(None, pl.String),
    )


def _if(reason: Reason, cause: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("reason") == reason.value).then(cause)


def _first(text: pl.Expr, patterns: tuple[tuple[str, str], ...]) -> pl.Expr:
    return pl.coalesce(pl.when(text.str.contains(pattern)).then(pl.lit(cause)) for pattern, cause in patterns)


def _temperature() -> pl.Expr:
    value = pl.col("temperature")
    whole = pl.col("temperature_text").cast(pl.Int64, strict=False)
    return (
        pl.when(value.is_in(_NO_MEASUREMENT))
        .then(pl.lit("a sensor's number for no measurement"))
        .when(whole.is_between(_REGISTER // 2, _REGISTER - 1))
        .then(pl.lit("a number below zero without its sign, of 16 bits, where 65354 is -182"))
        .when(value.is_between(200, 330))
        .then(pl.lit("kelvin"))
        .when(value.is_between(-148, 200))
        .then(pl.lit("degrees Fahrenheit"))
        .when(value.abs() <= TEMPERATURE_MAX_C * 1_000)
        .then(pl.lit("tenths, hundredths or thousandths of a degree"))
    )


def _late(landing_hour: Hour) -> pl.Expr:
    time = pl.col("time")
    is_east = time < pl.lit(latest_time(landing_hour), RECORDED_AT) + pl.duration(hours=_HOURS_EAST_MAX)
    is_instant = pl.col("time_text").str.contains(r"(Z|[+-]\d{2}(:?\d{2})?|^\d{9,}(\.\d*)?)$")
    return (
        pl.when(~is_east)
        .then(pl.lit("a clock that is far ahead"))
        .when(is_instant)
        .then(pl.lit("a clock that is ahead, or a file in the folder of an earlier hour"))
        .otherwise(pl.lit("local time without its offset, read as UTC or in a wrong zone, or a clock that is ahead"))
    )


def _old(landing_hour: Hour) -> pl.Expr:
    time = pl.col("time")
    rolled_over = time + pl.duration(weeks=_GPS_WEEKS)
    around = pl.duration(days=2)
    start = pl.lit(landing_hour.start, RECORDED_AT)
    year, misread = time.dt.year(), _first(pl.col("time_text"), _SINCE_1970)
    return (
        pl.when((year == 1970) & misread.is_not_null())  # noqa: PLR2004
        .then(pl.concat_str(misread, pl.lit(", read in a smaller unit")))
        .when(year.is_in(_UNSET_YEARS))
        .then(pl.lit("a clock that was never set"))
        .when(year < _CENTURY)
        .then(pl.lit("a year of two digits, which is %y"))
        .when(rolled_over.is_between(start - around, start + around))
        .then(pl.lit("a GPS receiver whose week count has begun again"))
    )
