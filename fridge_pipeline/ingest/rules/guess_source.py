"""A source proposed for an unknown file: a gallery entry whose columns it has, else by names, units and values.

A person reads it, checks it, and puts it in: nothing loads by a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fridge_pipeline.ingest.rules.csv_layout import CsvLayout
from fridge_pipeline.ingest.rules.guess_fields import (
    Columns,
    TemperatureGuess,
    are_several_of_one,
    guess_ids,
    guess_measure,
    guess_temperature,
    guess_time,
    guess_unit_column,
    is_of_message,
    is_outer,
    is_said_to_be_temperature,
)
from fridge_pipeline.ingest.rules.guess_layout import layout_of, table
from fridge_pipeline.ingest.rules.guess_times import TimeGuess, reads_times, zone_of
from fridge_pipeline.ingest.rules.patterns import matching
from fridge_pipeline.ingest.rules.source import Column, Source, SourceFormat, TimeFormat, Unit, columns_of

#: An entry whose columns have no names fits many files, so at most so well; a column that names the sensor says more.
_UNNAMED_MAX = 100


@dataclass(frozen=True, slots=True)
class Nested:
    """One way to take objects apart: where records are, which texts are JSON, and the columns that there are then."""

    records: str
    embedded: tuple[str, ...]
    columns: Columns


@dataclass(frozen=True, slots=True)
class Sample:
    """The start of a file: of csv its ``lines``, of anything else its columns' values; with its path below the hour.

    ``encoding`` is that of its text, where a source has to say it. ``nested`` are further ways to take it apart.
    """

    path: str
    format: SourceFormat
    columns: Columns = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    records: str = ""
    encoding: str = ""
    embedded: tuple[str, ...] = ()
    nested: tuple[Nested, ...] = ()


@dataclass(frozen=True, slots=True)
class Guess:
    """A ``[[source]]`` in TOML, how sure it is (``high``, ``medium``, ``low``), and why, in sentences.

    ``found``: whether its sensors have a name, whether its temperatures are called so, and how many readings it finds.
    """

    toml: str
    confidence: str
    reasons: tuple[str, ...]
    found: tuple[bool, bool, int] = (False, False, 0)


def guess_source(sample: Sample, entries: Mapping[str, tuple[Source, str]]) -> Guess | None:
    """The gallery entry that fits best, else a source of what the columns look like; None where no reading is seen.

    ``entries`` are the gallery's sources and their texts, by name.
    """
    inner = (replace(sample, records=way.records, embedded=way.embedded, columns=way.columns) for way in sample.nested)
    ways = [sample, *inner]
    fitting = [(max(_fit(way, source) for way in ways), name) for name, (source, _) in entries.items()]
    best, name = max(fitting, default=(0, ""))
    guesses = [guess for each in ways if (guess := _by_columns(each))]
    if best > _UNNAMED_MAX or (best and not any(is_named for is_named, *_ in (guess.found for guess in guesses))):
        source, text = entries[name]
        fits, confidence = f"its columns are those of the gallery's {name}", "high"
        if source.csv.header:
            fits = f"it is laid out as the gallery's {name}, but columns without names say little"
            confidence = "medium"
        return Guess(_for_file(text, source, sample.path), confidence, (fits, *_to_adapt(source)))
    return max(guesses, key=lambda guess: guess.found, default=None)


def _fit(sample: Sample, source: Source) -> int:
    """How well an entry fits: 0 not at all; named columns that are found count more than those that are not named."""
    if source.format != sample.format or sample.records != source.records:
        return 0
    columns = table(sample.lines, source.csv) if sample.format is SourceFormat.CSV else sample.columns
    if source.csv.skip_lines > _preamble(sample.lines, source.csv):  # rows are no preamble
        return 0
    wide = source.wide_columns(list(columns))
    if not columns or any(name not in columns for name in source.columns) or (source.wide and not wide):
        return 0
    (time,) = columns_of(source.recorded_at.column)
    # Columns without names say little: then the first row is a reading, and no second line of names.
    if not all(reads_times(times, source.recorded_at.format) for times in _looked_at(columns[time], source)):
        return 0
    return len(source.columns) + len(wide) + (0 if source.csv.header else _UNNAMED_MAX)


def _looked_at(times: Sequence[str], source: Source) -> Sequence[Sequence[str]]:
    return (times, times[:1]) if source.csv.header else (times,)


def _preamble(lines: Sequence[str], layout: CsvLayout) -> int:
    """How many lines may be skipped: under a header that is given, those that are no readings of its columns."""
    if not layout.header:
        return layout_of(lines).skip_lines
    cells = ([any(map(str.isdigit, cell)) for cell in line.split(layout.delimiter)] for line in lines)
    readings = (at for at, has in enumerate(cells) if len(has) >= len(layout.header) and sum(has) > 1)
    return next(readings, len(lines))


def _to_adapt(source: Source) -> Sequence[str]:
    zone = source.recorded_at.timezone
    return (f"its times are local: is {zone} where they were written?",) if zone else ()


def _for_file(text: str, source: Source, path: str) -> str:
    """The entry's text with patterns that fit this file, where its own do not."""
    if not source.reads(path):
        text = re.sub(r"(?m)^match = .*$", lambda _: f"match = {_quoted(_match(path))}", text)
    for name, ids in (("tenant_id", source.tenant_id), ("sensor_id", source.sensor_id)):
        if ids and ids.path and not matching(ids.path, [path])[0]:
            text = re.sub(rf"(?m)^{name} = .*$", lambda _, name=name: f"{name} = {_of_path(name)}", text)  # type: ignore[misc]
    return text


#: The key of an object's member, or of the object that it lies in: where no column names the sensor, it may.
_KEYS = ("*", "../*")


def _by_columns(sample: Sample) -> Guess | None:
    layout = layout_of(sample.lines) if sample.format is SourceFormat.CSV else CsvLayout()
    sampled = columns = table(sample.lines, layout) if sample.format is SourceFormat.CSV else sample.columns
    measure = guess_measure(columns)
    if measure is not None:
        places = [place for place, value in enumerate(columns[measure[0]]) if value.strip() in measure[1]]
        columns = {name: [values[place] for place in places] for name, values in columns.items()}
    found = guess_time(columns)
    if found is None:
        return None
    column, time = found
    times = columns_of(column)
    tenant, sensor = guess_ids({name: values for name, values in columns.items() if name not in times})
    sensor = sensor or next((key for key in _KEYS if len({*columns.get(key, ())}) > 1 and key not in times), None)
    temperature = guess_temperature(columns, (*times, tenant, sensor, *filter(is_outer, columns)), sample.format)
    if temperature is None:
        return None
    rows = zip(*(columns[name] for name in (*times, temperature.columns[0])), strict=True)
    readings = sum(has_both := [all(map(str.strip, row)) for row in rows])
    zone = next(filter(None, map(zone_of, times)), None)
    doubts = _doubts(time, zone, sensor, temperature, layout)
    if not (is_said := is_said_to_be_temperature(sampled, temperature.columns[0])):
        doubts.append(f"only the values of {temperature.columns[0]!r} look like temperatures: are they?")
    if 2 * readings <= len(has_both) and len(temperature.columns) == 1:
        doubts.append(f"only {readings} of {len(has_both)} rows have a time and a temperature")
    if is_of_message(columns, sensor, times):
        doubts.append(f"every reading has a value of {sensor!r} of its own: is it a number of the message?")
    if are_several_of_one(columns, (*times, sensor), temperature.columns[0]):
        doubts.append("readings of one sensor and time differ, and count once: what else tells them apart?")
    if tenant and tenant.rpartition(".")[2] not in ("tenant", "tenant_id"):
        doubts.append(f"are the values of {tenant!r} your tenant ids? Otherwise say {{ register = true }}")
    lines = [
        "[[source]]",
        f"name = {_quoted(_name(sample.path))}",
        f"match = {_quoted(_match(sample.path))}",
        f"format = {_quoted(sample.format)}",
        *([f"encoding = {_quoted(sample.encoding)}"] if sample.encoding else []),
        *([f"records = {_quoted(sample.records)}"] if sample.records else []),
        *([f"embedded = {_quoted(sample.embedded)}"] if sample.embedded else []),
        *([f"where = {{ {_quoted(measure[0])} = {_quoted(tuple(measure[1]))} }}"] if measure else []),
        *_layout_lines(layout, columns, temperature),
        f"tenant_id = {{ column = {_quoted(tenant)} }}" if tenant else "tenant_id = { register = true }",
        *_field_lines(sensor, column, time, zone, temperature, guess_unit_column(columns)),
    ]
    fields = f"time in {' and '.join(map(repr, times))}, temperature in {temperature.columns[0]!r}"
    reasons = (f"by names and values: {fields}" + (f", sensor in {sensor!r}" if sensor else ""), *doubts)
    is_named = sensor is not None or len(temperature.columns) > 1
    return Guess("\n".join(lines) + "\n", "low" if doubts else "medium", reasons, (is_named, is_said, readings))


def _doubts(
    time: TimeGuess, zone: str | None, sensor: str | None, temperature: TemperatureGuess, layout: CsvLayout
) -> list[str]:
    local = 'the times say no offset and are read as UTC; are they local? Then say timezone = "…"'
    doubts = [local] if time.is_local and zone is None else []
    if time.others:
        doubts.append(f"the times fit {time.format}, and also {', '.join(time.others[:3])}: which is it?")
    if sensor is None and len(temperature.columns) == 1:
        doubts.append("no column names the sensor, so the file's name does")
    if sensor is None and len(temperature.columns) > 1:
        doubts.append("if several loggers have these columns, say sensor_id as well: it stands before a column's name")
    if sensor in _KEYS:
        doubts.append(f'if several gateways have these keys, say whose they are: ["…", "{sensor}"]')
    if layout.header:
        doubts.append("the file has no header line: look at the names given to its columns")
    return [*doubts, *temperature.doubts]


def _layout_lines(layout: CsvLayout, columns: Columns, temperature: TemperatureGuess) -> list[str]:
    values = [value for name in temperature.columns for value in columns[name]]
    has_comma = any(re.fullmatch(r"\s*[+\-\N{MINUS SIGN}]?\d+,\d+[^\d,]*", value) for value in values)
    return [
        *([f"delimiter = {_quoted(layout.delimiter)}"] if layout.delimiter != "," else []),
        *([f"skip_lines = {layout.skip_lines}"] if layout.skip_lines else []),
        *(["short_rows = true"] if layout.short_rows else []),
        *(['decimal = ","'] if has_comma else []),
        *([f"header = {json.dumps(list(layout.header))}"] if layout.header else []),
    ]


def _field_lines(
    sensor: str | None,
    column: Column,
    time: TimeGuess,
    zone: str | None,
    temperature: TemperatureGuess,
    unit: str | None,
) -> list[str]:
    is_wide = len(temperature.columns) > 1
    how = [
        *([] if is_wide else [f"column = {_quoted(temperature.columns[0])}"]),
        *([f"unit_column = {_quoted(unit)}"] if unit and not is_wide else []),
        *([f"unit = {_quoted(temperature.unit)}"] if temperature.unit is not Unit.CELSIUS and not unit else []),
        *([f"scale = {temperature.scale:g}"] if temperature.scale != 1.0 else []),
        *([f"missing = [{', '.join(f'{value:g}' for value in temperature.missing)}]"] if temperature.missing else []),
    ]
    format_ = f", format = {_quoted(time.format)}" if time.format != TimeFormat.ISO else ""
    timezone = f", timezone = {_quoted(zone)}" if zone and time.is_local else ""
    lines = [f"recorded_at = {{ column = {_quoted(column)}{format_}{timezone} }}"]
    if how:
        lines.append(f"temperature = {{ {', '.join(how)} }}")
    if is_wide:
        pattern = "|".join(re.escape(name) for name in temperature.columns)
        logger = [f"sensor_id = {{ column = {_quoted(sensor)} }}"] if sensor else []
        return [*logger, *lines, f"wide = {{ columns = {_quoted(f'^({pattern})$')} }}"]
    sensors = f"{{ column = {_quoted(sensor)} }}" if sensor else _of_path("sensor_id")
    return [f"sensor_id = {sensors}", *lines]


def _quoted(text: Column) -> str:
    return json.dumps(text, ensure_ascii=False)  # TOML's basic strings escape as JSON's do


def _name(path: str) -> str:
    words = re.split(r"[^a-z0-9]+", path.rpartition("/")[2].partition(".")[0].lower())
    return "-".join(word for word in words if word.isalpha())[:40].strip("-") or "guessed"


def _match(path: str) -> str:
    """The file's name with * for each word that has a digit, so that the next files fit too; * for each folder."""
    *folders, name = path.split("/")
    return "/".join(
        [*("*" for _ in folders), re.sub(r"[0-9A-Za-z]*\d[0-9A-Za-z]*", "*", re.sub(r"[\[\]?]", "?", name))]
    )


def _of_path(field_name: str) -> str:
    return f'{{ path = "(?P<{field_name}>[^/.]+)[^/]*$" }}'
