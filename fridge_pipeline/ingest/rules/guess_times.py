"""What times a column of an unknown file holds: ISO 8601, a number since 1970 by its size, or a strptime pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from fridge_pipeline.ingest.rules.source import TimeFormat

_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?", re.IGNORECASE)
_DATE = re.compile(r"\d[./ -]\w+[./ -]\d|\d{8}")
_OFFSET = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$", re.IGNORECASE)

#: Digits that are cut off where a time is read, and that Python does not read.
_BEYOND_MICROSECONDS = re.compile(r"(?<=\.\d{6})\d+")

#: Before and after noon as other languages write it: ``6:30 p. m.``, ``6:30p``.
_NOON = re.compile(r"(?<=\d)\s*([ap])(?:\.\s?m\.?)?$", re.IGNORECASE)

#: So many values of a column are looked at.
VALUES_MAX = 50

#: What a number since 1970 counts in, by its size, from 2015 to 2100: other numbers are ids and counters.
_EPOCHS = {1: TimeFormat.EPOCH_S, 1e3: TimeFormat.EPOCH_MS, 1e6: TimeFormat.EPOCH_US, 1e9: TimeFormat.EPOCH_NS}
_SECONDS = (1_420_070_400, 4_102_444_800)

#: The same years in days of spreadsheets.
_DAYS = (42_005, 73_051)

#: What names of zones begin with, and no "Date/Time" does.
_REGIONS = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific"

_DATES = ("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y")
_MORE_DATES = ("%m-%d-%Y", "%Y%m%d", "%Y-%m-%d", "%d-%b-%Y", "%d %b %Y")
_CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H%M%S")
_PATTERNS = [
    *(date + between + clock for date, clock in product((*_DATES, *_MORE_DATES), _CLOCKS) for between in (" ", ", ")),
    *(
        "%Y%m%dT%H%M%SZ",
        "%Y%m%dT%H%M%S",
        "%Y%m%d%H%M%S",
        "%Y-%m-%d %H:%M:%S%.f UTC",
        "%Y-%m-%d %H:%M:%S%.f %z",
        "%Y-%m-%dT%H:%M:%S%.fZ%z",
    ),
]


@dataclass(frozen=True, slots=True)
class TimeGuess:
    """The format, as a source says it; whether the times say no offset; other formats that read every value too."""

    format: str
    is_local: bool
    others: tuple[str, ...] = ()


def guess_times(values: Sequence[str]) -> TimeGuess | None:
    """What reads the most of the values that are there; None where nothing reads more than half of them."""
    there = _some(values)
    counts: dict[str, int] = {
        each: _count(there, each) for each in (TimeFormat.ISO, *_EPOCHS.values(), TimeFormat.EXCEL)
    }
    if not any(counts.values()) and any(_DATE.search(value) for value in there):
        counts = {each: _count(there, each) for each in _PATTERNS}
    most = max(counts.values())
    if 2 * most <= len(there):
        return None
    found, *others = (each for each, count in counts.items() if count == most)
    says_offset = found == TimeFormat.ISO and all(
        _OFFSET.search(value[10:]) for value in there if _ISO.fullmatch(value)
    )
    is_absolute = says_offset or found in _EPOCHS.values() or found.endswith(("Z", "UTC", "%z"))
    return TimeGuess(found, not is_absolute, tuple(others))


def reads_times(values: Sequence[str], time_format: str) -> bool:
    """Whether a format, as a source says it, reads more than half of the values that are there."""
    there = _some(values)
    return 2 * _count(there, time_format) > len(there)


def _some(values: Sequence[str]) -> list[str]:
    return [value.strip() for value in values if value.strip()][:VALUES_MAX]


def _count(values: Sequence[str], time_format: str) -> int:
    if time_format == TimeFormat.ISO:
        return sum(bool(_ISO.fullmatch(value)) for value in values)
    if time_format == TimeFormat.EXCEL:  # whole numbers are something else more often than midnight
        return sum(_DAYS[0] <= _number(value) <= _DAYS[1] and not _number(value).is_integer() for value in values)
    for scale, unit in _EPOCHS.items():
        if time_format == unit:
            return sum(_SECONDS[0] * scale <= _number(value) <= _SECONDS[1] * scale for value in values)
    return sum(_is_read(value, time_format) for value in values)


def _number(value: str) -> float:
    """0 of what is none; a comma may be its point."""
    try:
        return float(value.replace(",", "."))
    except ValueError:
        return 0.0


def _is_read(value: str, pattern: str) -> bool:
    value = _NOON.sub(r" \1m", _BEYOND_MICROSECONDS.sub("", value))
    fraction = ".%f" if "." in value else ""
    try:
        datetime.strptime(value, pattern.replace("%.f", fraction))  # noqa: DTZ007 # only whether it is one
    except ValueError:
        return False
    return True


def zone_of(column: str) -> str | None:
    """The time zone that a column's name says, as in ``Date Time, GMT-07:00``; the sign of ``Etc/GMT`` is turned.

    ``None`` for an offset of no whole hours, which many places have and no zone is called by.
    """
    found = re.search(r"(?:GMT|UTC) ?([+-])0?(\d{1,2})(?::?00)?\b(?!:\d)", column)
    if found:
        return "UTC" if found[2] == "0" else f"Etc/GMT{'-' if found[1] == '+' else '+'}{found[2]}"
    named = re.search(rf"\b(?:{_REGIONS})/[A-Z][A-Za-z_/-]+", column)
    return named[0] if named else None
