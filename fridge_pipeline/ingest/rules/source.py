"""A source: how to read a vendor's landing files. Which columns hold the four fields, in which units and times.

Columns are named as the file names them; dots walk into nested objects. ``sources_file.py`` reads sources from TOML,
``source_fields.py`` makes the four fields of a file's columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from fridge_pipeline.catalogue.reading_number import NumberType, ReadingNumber
from fridge_pipeline.ingest.rules.csv_layout import CsvLayout
from fridge_pipeline.ingest.rules.patterns import matching


class SourceFormat(StrEnum):
    """What a source's files hold, once they are unpacked."""

    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"
    PARQUET = "parquet"
    AVRO = "avro"
    SENML = "senml"


class TimeFormat(StrEnum):
    """The times that have a name; any other format is a strptime pattern."""

    ISO = "iso"
    EPOCH_S = "epoch_s"
    EPOCH_MS = "epoch_ms"
    EPOCH_US = "epoch_us"
    EPOCH_NS = "epoch_ns"
    EXCEL = "excel"  # days since the end of 1899, as spreadsheets count them


class Unit(StrEnum):
    """What a temperature is measured in."""

    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"
    KELVIN = "kelvin"


class ContractMode(StrEnum):
    """What becomes of a file whose columns are not those that its source has seen: told, or told and left waiting."""

    WARN = "warn"
    REFUSE = "refuse"


class Ambiguous(StrEnum):
    """What a local time that a clock change brings twice means; there is no default, such a row is rejected."""

    EARLIEST = "earliest"
    LATEST = "latest"


#: A record's place in its array, counted from 0, as a column.
PLACE = "#"

#: A column by the file's name, or several that are one together: a date and a time, the parts of an id.
Column: TypeAlias = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdField:
    """Where an id stands: exactly one of a column, a constant, a path pattern with a group of the field's name.

    A tenant may instead come from the sensor register.
    """

    column: Column | None = None
    value: str | None = None
    path: str | None = None
    register: bool = False


@dataclass(frozen=True, slots=True)
class StepField:
    """So many seconds a time is later, or a record than the one before it: a column or a value, times ``scale``."""

    column: str | None = None
    value: float | None = None
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class TimeField:
    """The time of a reading, in UTC where no ``timezone`` is said; what ``path`` finds stands before the column.

    With a ``step`` it is that of an array's first record, and it is ``later`` than these say.
    """

    column: Column | None = None
    format: str = TimeFormat.ISO
    timezone: str | None = None
    ambiguous: Ambiguous | None = None
    path: str | None = None
    step: StepField | None = None
    later: StepField | None = None

    @property
    def is_number(self) -> bool:
        """Whether it is a number, of whatever units since whenever."""
        return self.is_epoch or self.format == TimeFormat.EXCEL

    @property
    def is_epoch(self) -> bool:
        """Whether it is a number since 1970."""
        return self.format.startswith("epoch_")


@dataclass(frozen=True, slots=True)
class TemperatureField:
    """A temperature: degrees Celsius are what the value, as the file has it, times ``scale`` plus ``offset`` gives.

    ``missing`` are values of the file, before anything is computed, that say that nothing was measured. The column is
    None where every column of ``Wide`` holds one. Where a ``unit_column`` says the unit of each row, that counts.
    """

    column: str | None = None
    unit: Unit = Unit.CELSIUS
    scale: float = 1.0
    offset: float = 0.0
    missing: tuple[float | str, ...] = ()
    unit_column: str | None = None


@dataclass(frozen=True, slots=True)
class NumberField:
    """A number that is kept with the reading: the value, as the file has it, times ``scale`` plus ``offset``.

    Where it is missing, or among ``missing``, the reading has none.
    """

    name: str
    column: str
    type: NumberType
    scale: float = 1.0
    offset: float = 0.0
    missing: tuple[float | str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One ``[[source]]``. ``match`` is a pattern of a file's name, or, with a slash, of its path below the hour.

    ``format`` None means: by the file's ending. ``records`` is where a JSON document has its array of records.
    ``wide`` is a pattern of the columns that hold one reading each. ``where`` are columns with what temperatures' rows
    have in them, ``where_like`` with a pattern of it. ``embedded`` are columns whose text is JSON of its own.
    """

    name: str
    match: str
    tenant_id: IdField
    recorded_at: TimeField
    temperature: TemperatureField
    sensor_id: IdField | None = None
    wide: str | None = None
    format: SourceFormat | None = None
    records: str = ""
    csv: CsvLayout = field(default_factory=CsvLayout)
    contract: ContractMode = ContractMode.WARN
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    encoding: str = "utf-8"
    numbers: tuple[NumberField, ...] = ()
    embedded: tuple[str, ...] = ()
    where_like: tuple[tuple[str, str], ...] = ()

    @property
    def definition(self) -> dict[str, Any]:
        """Everything but its name and pattern of files; a key that came later only where it is not left out."""
        given = {key: value for key, value in asdict(self).items() if key not in ("name", "match")}
        for table, key, left_out in _NEWER_WITHIN:
            if given[table][key] == left_out:
                del given[table][key]
        return {key: value for key, value in given.items() if value != _NEWER.get(key, ...)}

    @property
    def sha256(self) -> str:
        """What its definition is, so that a later one is told apart."""
        return hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode()).hexdigest()

    @property
    def columns(self) -> list[str]:
        """The columns that a file must have, by the file's names, each once."""
        return list(dict.fromkeys(holder_of(column, self.embedded) or column for column in self.named))

    @property
    def named(self) -> list[str]:
        """The columns that its fields name, those within embedded JSON too."""
        named = (
            *self.id_columns,
            *columns_of(self.recorded_at.column),
            *((PLACE, *columns_of(step.column)) if (step := self.recorded_at.step) else ()),
            *(columns_of(later.column) if (later := self.recorded_at.later) else ()),
            *columns_of(self.temperature.column),
            *columns_of(self.temperature.unit_column),
            *(column for column, _ in (*self.where, *self.where_like)),
            *(number.column for number in self.numbers),
        )
        return list(dict.fromkeys(named))

    @property
    def id_columns(self) -> list[str]:
        """Those that hold an id, or a part of one."""
        fields = (self.tenant_id, self.sensor_id)
        return [column for field in fields if field is not None for column in columns_of(field.column)]

    @property
    def is_expanded(self) -> bool:
        """Whether records lie deeper in its objects than a plain path says: such files are read object by object."""
        parts = [part for column in self.named for part in _outside(column, self.embedded).split(".")]
        return (
            self.format is SourceFormat.SENML
            or holder_of(f"{self.records}.", self.embedded) is not None
            or any(self.records and place.startswith(f"{self.records}.") for place in self.embedded)
            or (bool(self.records) and self.format in (SourceFormat.NDJSON, SourceFormat.AVRO))
            or "*" in self.records.split(".")
            or any(part.isdecimal() or part in ("*", PLACE) or part.startswith("/") for part in parts)
        )

    @property
    def is_nested(self) -> bool:
        """Whether its files lie in folders below the hour's."""
        return "/" in self.match

    def wide_columns(self, found: Sequence[str]) -> list[str]:
        """Those of a file's columns that hold one reading each; none of those that are another field."""
        if self.wide is None:
            return []
        known = set(self.columns)
        others = [name for name in found if name not in known]
        return [name for name, is_wide in zip(others, matching(self.wide, others), strict=True) if is_wide]

    def reads(self, path_below_hour: str) -> bool:
        """Whether its pattern matches a file, by its path below the folder of its hour."""
        path = path_below_hour if self.is_nested else path_below_hour.rpartition("/")[2]
        return fnmatchcase(path, self.match)


#: Keys of tables that came later, and of the source itself, and what they are where they are left out.
_NEWER_WITHIN: tuple[tuple[str, str, object], ...] = (
    ("temperature", "unit_column", None),
    ("recorded_at", "path", None),
    ("recorded_at", "step", None),
    ("recorded_at", "later", None),
    ("csv", "short_rows", False),
    ("csv", "thousands", ""),
)
_NEWER: dict[str, object] = {
    "contract": ContractMode.WARN,
    "where": (),
    "encoding": "utf-8",
    "numbers": (),
    "embedded": (),
    "where_like": (),
}


def numbers_of(sources: Iterable[Source]) -> tuple[ReadingNumber, ...]:
    """The numbers that sources keep, each once."""
    numbers = (ReadingNumber(number.name, number.type) for source in sources for number in source.numbers)
    return tuple(dict.fromkeys(numbers))


def columns_of(column: Column | None) -> tuple[str, ...]:
    """The columns that a field is made of."""
    if column is None:
        return ()
    return (column,) if isinstance(column, str) else column


def holder_of(column: str, embedded: Sequence[str]) -> str | None:
    """The embedded JSON in which a column lies, the outermost; None where it lies in none."""
    return min((holder for holder in embedded if column.startswith(f"{holder}.")), key=len, default=None)


def _outside(column: str, embedded: Sequence[str]) -> str:
    """The part of a column that plain decoding walks: an array within embedded JSON is no matter of the file's."""
    holder = holder_of(column, embedded)
    return column if holder is None or column.endswith(".*") else holder


def own(column: str) -> str:
    """What a source's column is called among the rows of its file, where no name of ours can be the same."""
    return f".{column}"


def source_of(path_below_hour: str, sources: Sequence[Source]) -> Source | None:
    """The first source that reads a file; None where it must have the canonical columns."""
    return next((source for source in sources if source.reads(path_below_hour)), None)
