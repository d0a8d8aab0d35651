"""Which columns of an unknown file hold the fields of a reading, by their names, units and values."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from fridge_pipeline.ingest.rules.guess_times import TimeGuess, guess_times
from fridge_pipeline.ingest.rules.reading import TEMPERATURE_MAX_C, TEMPERATURE_MIN_C
from fridge_pipeline.ingest.rules.source import Column, SourceFormat, Unit

#: A sample's columns, by the file's names: their values as text, empty where there is none.
Columns = Mapping[str, Sequence[str]]

#: Longer names and values are not looked at: patterns search in them.
TEXT_LENGTH_MAX = 200

_TENANT = (r"tenant", r"customer", r"account", r"client")
_SENSOR = (
    *(r"dev_?eui", r"(sensor|device|probe|logger|item)_?(id|index|eui)", r"serial", r"^n$", r"entity_?id", r"\bmac\b"),
    *(
        r"sensor|probe",
        r"device|logger|core_?id",
        r"(^|[._])id$",
        r"(^|[._])(sn|[ael]ser|dev|target|topic|tag|node|asset)$",
    ),
)
_NO_SENSOR = r"type|name$|lat|lon|location|profile|application|generation|message|battery|statement"
_TIME = (
    r"(recorded|measured|observed|sampled)",
    r"(^|[._])(timestamp|time_?stamp|ts|t|_?time|datetime)$",
    r"time|date",
)
_NO_TIME = r"start|stop|created|upload|export|calibrat"
_TEMPERATURE = (
    r"(?<!sys)(?<!at)temp(?!l)",
    r"°|celsius|fahrenheit|deg_?[cf]",
    r"(^|[._])(t|tc|t_?c)$",
    r"^tvc$",
    r"^(t|probe|sensor|ch|channel)[ _]?\d+$",
)
#: Of a temperature only where something else says so, or nothing else is there.
_VALUE = (r"(^|[._])_?(v|value|result)$|(data|measured|sensor)_?value$", r"(^|[._])state$")
_NO_TEMPERATURE = r"hum|dew|batt|pressure|setpoint|alarm|limit|rssi|ambient_?limit"

#: What says that a column lies in the objects around a record, or is a list beside others.
_OUTER = re.compile(r"^/|^(\.\./)+|\.\*$")

#: A column that says more than this says something else than what is measured.
MEASURES_MAX = 20

#: Larger numbers are no temperature, not even in thousandths of a degree: they are counters, or times.
LARGEST = 500_000

#: So many columns that may be temperatures as well are named.
OTHERS_SHOWN = 5

#: An id that is another one in so many rows is no sensor's.
MESSAGES_MIN = 3

#: The units that may stand behind a number.
_UNITS = re.compile(r"(?<=\d)\s*(?:[°º]\s*([CF])|([℃℉]))$")

#: How columns of a file without a header line are called.
UNNAMED = "column "

#: What loggers write for "nothing measured", as the file has it.
_SENTINELS = frozenset(
    (-127, -1270, 85, 850, -999, -9999, -9990, -99.9, -999.9, 999, 999.9, 9999, 32767, -32768, 3276.7, -3276.8, 65535)
)
_ALWAYS_MEASURED = frozenset((85.0, 850.0))  # a temperature too; a sentinel only where it comes again and again
_KELVIN, _FRIDGE_F, _PLAUSIBLE_C = (200.0, 330.0), (28.0, 60.0), 25.0


@dataclass(frozen=True, slots=True)
class TemperatureGuess:
    """Columns that hold temperatures, one or, of a wide file, several, and how to read them."""

    columns: tuple[str, ...]
    unit: Unit = Unit.CELSIUS
    scale: float = 1.0
    missing: tuple[float, ...] = ()
    doubts: tuple[str, ...] = field(default=())


def is_outer(name: str) -> bool:
    """Whether a column lies in an object around the record: the same for all its records, so none of their readings."""
    return name.startswith(("/", "../"))


def guess_ids(columns: Columns) -> tuple[str | None, str | None]:
    """The columns of tenant and sensor; None where none looks like one."""
    tenant = _first(columns, _TENANT, "")
    texts = {name: values for name, values in columns.items() if name != tenant and _is_id(values)}
    return tenant, _first(texts, _SENSOR, _NO_SENSOR)


def guess_unit_column(columns: Columns) -> str | None:
    """The column that says each row's unit."""
    return next((name for name, values in columns.items() if _is_of_units(name) and any(map(_is_unit, values))), None)


def _is_of_units(name: str) -> bool:
    return bool(re.search(r"(^|[._/ ])(u|units?|uom|unit_?code|unit\w*\.symbol)$", name, re.IGNORECASE))


def _is_unit(text: str) -> bool:
    unit = r"[°º]?(deg)?[ _]?(c|cel|celsius|f|fah|fahrenheit|k|kel|kelvin)"
    return bool(re.fullmatch(unit, text.strip(), re.IGNORECASE))


def guess_measure(columns: Columns) -> tuple[str, list[str]] | None:
    """The column that says what a row measures, and what it says where that is a temperature."""
    for name, values in columns.items():
        said = sorted({value.strip() for value in values if value.strip()})
        alike = _is_unit if _is_of_units(name) else _is_temperature
        temperatures = [value for value in said if alike(value)]
        if 0 < len(temperatures) < len(said) <= MEASURES_MAX:
            return name, temperatures
    return None


def _is_temperature(text: str) -> bool:
    return bool(re.fullmatch(r"\w*temp(erature)?\w*", text, re.IGNORECASE))


def guess_time(columns: Columns) -> tuple[Column, TimeGuess] | None:
    """The column of the time of measuring, or those of a date and a time of day, and the format."""
    times = {name: guess for name, values in columns.items() if (guess := guess_times(values))}
    column = _first(times, _TIME, _NO_TIME) or next(iter(times), None)
    return (column, times[column]) if column else _guess_date_and_clock(columns)


def _guess_date_and_clock(columns: Columns) -> tuple[Column, TimeGuess] | None:
    """A column whose values are times only together with those of the next one."""
    for first, second in pairwise(columns):
        both = [f"{date.strip()} {clock.strip()}" for date, clock in zip(columns[first], columns[second], strict=True)]
        if any(":" in clock for clock in columns[second]) and (found := guess_times(both)):
            return (first, second), found
    return None


def are_several_of_one(columns: Columns, identity: Sequence[str | None], temperature: str) -> bool:
    """Whether rows that the columns of an identity do not tell apart have different temperatures."""
    rows = {*zip(*(columns[name] for name in (*filter(None, identity), temperature)), strict=True)}
    return len({row[:-1] for row in rows}) < len(rows)


def is_of_message(columns: Columns, sensor: str | None, times: Sequence[str]) -> bool:
    """Whether each row has an id of its own, and their times differ: of one time, each is another sensor."""
    ids = [] if sensor is None else columns[sensor]
    return len(ids) >= MESSAGES_MIN and len({*ids}) == len(ids) == len({*zip(*map(columns.get, times), strict=True)})


def is_said_to_be_temperature(columns: Columns, found: str) -> bool:
    """Whether a column's name or unit says so, or another column of what is measured, and not only its values."""
    is_named = _first({found: None}, _TEMPERATURE, "") is not None or _are_in_degrees(columns[found])
    return is_named or guess_measure(columns) is not None or guess_unit_column(columns) is not None


def guess_temperature(
    columns: Columns, taken: Sequence[str | None], file_format: SourceFormat
) -> TemperatureGuess | None:
    """The column, or columns, of temperatures, none of those that are taken."""
    numbers = {name: _numbers(values) for name, values in columns.items() if name not in taken}
    numbers = {name: values for name, values in numbers.items() if values and median(map(abs, values)) <= LARGEST}
    best = _first(numbers, _TEMPERATURE, _NO_TEMPERATURE)
    in_degrees = tuple(name for name in numbers if best is None and _are_in_degrees(columns[name]))
    if in_degrees:  # wide files have one column a sensor
        return _measured(in_degrees if file_format is SourceFormat.CSV else in_degrees[:1], columns)
    best = best or _first(numbers, _VALUE, _NO_TEMPERATURE)
    if best is None:
        unnamed = [name for name in numbers if name.startswith(UNNAMED) or name.isdecimal()]
        best = next((name for name in unnamed if any(value != round(value) for value in numbers[name])), None)
        return _measured((best,), columns) if best else None
    named = [name for name in numbers if not re.search(_NO_TEMPERATURE, name, re.IGNORECASE)]
    alike = tuple(name for name in named if _stem(name) == _stem(best))
    if file_format is not SourceFormat.CSV and "." in best:  # the columns of a wide source lie in no object
        alike = (best,)
    guess = _measured(alike, columns)
    others = [name for name in named if name not in alike and _first({name: None}, _TEMPERATURE[:2], "")]
    told = f"{', '.join(map(repr, others[:OTHERS_SHOWN]))} may be temperatures as well, and are not read"
    return replace(guess, doubts=(*guess.doubts, told)) if others else guess


def _are_in_degrees(values: Sequence[str]) -> bool:
    """Whether a unit of temperature stands behind each number that is there."""
    there = [value.strip() for value in values if _number(value.strip()) is not None]
    return bool(there) and all(map(_UNITS.search, there))


def _measured(names: tuple[str, ...], columns: Columns) -> TemperatureGuess:
    texts = [value.strip() for name in names for value in columns[name] if value.strip()]
    counts = Counter(number for text in texts if (number := _number(text)) is not None)
    missing = tuple(
        sorted(
            value for value in counts if value in _SENTINELS and (value not in _ALWAYS_MEASURED or counts[value] > 1)
        )
    )
    measured = [value for value in counts.elements() if value not in missing] or [0.0]
    behind = {found[0].strip() for text in texts if (found := _UNITS.search(text))}
    unit, doubts = _unit(names[0] if len(behind) != 1 else min(behind), median(measured))
    scale = _scale(names[0], measured, unit)
    if words := [text for text in texts if _number(text) is None]:
        told = f"{len(words)} of {len(texts)} values are no numbers, such as {words[0]!r}, and rejected"
        doubts = (*doubts, f"{told}: was nothing measured? Say missing")
    if scale != 1.0:
        doubts = (*doubts, f"the values are too large for degrees, so they are read as {scale:g} of one")
    if missing:
        doubts = (*doubts, f"{', '.join(f'{value:g}' for value in missing)} is taken for: nothing was measured")
    return TemperatureGuess(names, unit, scale, missing, doubts)


def _unit(column: str, middle: float) -> tuple[Unit, tuple[str, ...]]:
    name = column.lower()
    if re.search(r"[°º]\s*f|℉|fahrenheit|deg_?f\b|[._ (\[]f[)\]]?$|tempf$", name):
        return Unit.FAHRENHEIT, ()
    if re.search(r"[°º]\s*c|℃|celsius|deg_?c\b|[._ (\[]c[)\]]?$|tempc$", name):
        return Unit.CELSIUS, ()
    if re.search(r"kelvin|[._ (\[]k[)\]]?$", name) or _KELVIN[0] <= middle <= _KELVIN[1]:
        return Unit.KELVIN, () if "k" in name else ("values around 273 are read as kelvin",)
    if _FRIDGE_F[0] <= middle <= _FRIDGE_F[1]:
        return Unit.FAHRENHEIT, ("no unit is named, and the values are those of a fridge in Fahrenheit",)
    return Unit.CELSIUS, () if middle <= _PLAUSIBLE_C else ("no unit is named, and the values are high for a fridge",)


def _scale(column: str, values: Sequence[float], unit: Unit) -> float:
    if re.search(r"x ?10\b|tenth|deci", column.lower()):
        return 0.1
    if re.search(r"x ?100\b|centi|hundredth", column.lower()):
        return 0.01
    limit = {Unit.CELSIUS: TEMPERATURE_MAX_C, Unit.FAHRENHEIT: 302.0, Unit.KELVIN: 423.0}[unit]
    largest = max(abs(value) for value in values)
    if largest <= limit or not all(value == round(value) for value in values):
        return 1.0
    scales = [scale for scale in (0.1, 0.01, 0.001) if largest * scale <= abs(TEMPERATURE_MIN_C)]
    cold = (scale for scale in scales if unit is not Unit.CELSIUS or median(values) * scale <= _PLAUSIBLE_C)
    return next(cold, scales[0] if scales else 1.0)


def _numbers(values: Sequence[str]) -> list[float]:
    """The values as numbers, decimal commas too; none where most are something else."""
    there = [value.strip() for value in values if value.strip()]
    numbers = [number for value in there if (number := _number(value)) is not None]
    return numbers if there and len(numbers) >= len(there) / 2 else []


def _number(text: str) -> float | None:
    bare = _UNITS.sub("", text)
    try:
        number = float((bare.replace(",", ".", 1) if "." not in bare else bare).replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _is_id(values: Sequence[str]) -> bool:
    """Whether the values could be ids: there in most rows, and no numbers with a fraction."""
    there = [value for value in values if value.strip()]
    fractions = [value for value in there if (number := _number(value)) is not None and number != round(number)]
    return 2 * len(there) > len(values) and not fractions


def _stem(name: str) -> str:
    """A name without its numbers, so that T1 and T2 are alike; whole where there is no number."""
    return re.sub(r"\d+", "#", name)


def _first(names: Mapping[str, object], patterns: Sequence[str], unwanted: str) -> str | None:
    """The first name that a pattern fits, the better patterns first; unwanted is by a name's last part."""
    for pattern in patterns:
        for name in names:
            is_alike = re.search(pattern, _OUTER.sub("", name), re.IGNORECASE)
            if is_alike and not (unwanted and _is_unwanted(name, unwanted)):
                return name
    return None


def _is_unwanted(name: str, unwanted: str) -> bool:
    return bool(re.search(unwanted, name.rpartition(".")[2] or name, re.IGNORECASE))
