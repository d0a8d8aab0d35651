"""What the first bytes of a landing file say it is, and where its header has the four columns.

What else a header says is told in numbers only: what was delivered by mistake, or on purpose, may be somebody's
secrets, and exceptions are read by many.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from fridge_pipeline.catalogue.tenant import ID_LENGTH_MAX
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.landing_files import FileFormat
from fridge_pipeline.ingest.rules.reading import FIELDS
from fridge_pipeline.ingest.rules.source import Source, SourceFormat, own
from fridge_pipeline.ingest.rules.source_contract import NAME_LENGTH_MAX
from fridge_pipeline.visible import counted

if TYPE_CHECKING:
    from collections.abc import Sequence


_OTHER_TEXT = "UTF-16 or UTF-32 text"
_GZIP, _PARQUET, _JSON, _CSV, _TEXT = "gzip-compressed data", "parquet", "JSON text", "csv text", "plain text"

#: What other programs than ours put between the columns of a text.
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

#: A name and a value, in which a blank or a comma has a backslash before it.
_TAG = r"[^ ,=\n]+=(?:\\.|[^ ,\\\n])+"

#: Marks of what is no text, or no table. One made of letters alone is followed by what no header line holds.
_MARKS = tuple(
    (re.compile(mark, re.DOTALL), what)
    for mark, what in (
        (rb"\x1f\x8b", _GZIP),
        (rb"PAR1|PARE", _PARQUET),
        (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "zstd-compressed data"),
        (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "a zip archive or a spreadsheet"),
        (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "bzip2-compressed data"),
        (rb"\xfd7zXZ\0", "xz-compressed data"),
        (rb"\x04\x22\x4d\x18|\x02\x21\x4c\x18", "lz4-compressed data"),
        (rb"\xff\x06\0\0sNaPpY", "snappy-compressed data"),
        (rb"\x1f[\x9d\xa0]", "data of Unix compress (.Z)"),
        (rb"\x78[\x01\x9c\xda]", "zlib-compressed data"),
        (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (rb"Rar!\x1a\x07", "a rar archive"),
        (rb"(?=[^\0]+\0).{257}ustar", "a tar archive"),
        (rb"Obj\x01", "avro"),
        (rb"ORC[^,;\t\r\n]*\0", "ORC"),
        (rb"ARROW1\0|\xff{4}.{3}\0\x10\0", "Arrow (feather)"),
        (rb"SQLite format 3\0", "an SQLite database"),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1", "a spreadsheet"),
        (rb"%PDF-", "a PDF"),
        (rb"(?i:\s*<(?:!doctype|html|\?xml|error))", "a web page or XML, perhaps the answer of a server that failed"),
        (rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff", _OTHER_TEXT),
        (
            rf"[\w./-]+(?:,{_TAG})* {_TAG}(?:,{_TAG})*(?: -?\d{{10,19}})?\r?(?:\n|$)".encode(),
            "InfluxDB's line protocol",
        ),
        (rb"[\w.-]+=[^&\s]*(?:&[\w.%-]+=[^&\s]*)+\s*(?:\n|$)", "a form of names and values, as in a web address"),
    )
)
_NO_TEXT = re.compile(rb"[\0-\x08\x0e-\x1a\x7f]")

_PROMISED = {
    FileFormat.PARQUET: "parquet",
    FileFormat.CSV: "csv in UTF-8",
    FileFormat.CSV_GZ: "csv in UTF-8, compressed with gzip once",
    FileFormat.NDJSON: "JSON objects in UTF-8",
    FileFormat.NDJSON_GZ: "JSON objects in UTF-8, compressed with gzip once",
}


def refuse_other_delivery(start: bytes, file_format: FileFormat) -> None:
    """Refuses what is delivered as gzip or parquet and begins as something else that is recognized."""
    promised = _GZIP if file_format.is_gzip else _PARQUET
    if (file_format.is_gzip or file_format is FileFormat.PARQUET) and _kind(start) not in (None, promised):
        raise UnreadableFileError(_misnamed(f"is {_kind(start)}", file_format))


def refuse_other_text(start: bytes, file_format: FileFormat) -> None:
    """Refuses plain content that is recognized and is no text."""
    kind = _kind(start)
    if kind not in (None, _JSON, _CSV, _TEXT):
        raise UnreadableFileError(_misnamed(f"holds {kind}" if file_format.is_gzip else f"is {kind}", file_format))
    if b"\0" in start.partition(b"\n")[0]:
        raise UnreadableFileError("the first line holds NUL: the content is binary or UTF-16; deliver UTF-8")


def as_it_is(reason: str, start: bytes, file_format: FileFormat) -> str:
    """Why no row of a text could be read, led by what it is if it is JSON named csv, or the reverse."""
    kind, is_csv = _kind(start), file_format in (FileFormat.CSV, FileFormat.CSV_GZ)
    return f"{_misnamed(f'is {kind}', file_format)} ({reason})" if kind == (_JSON if is_csv else _CSV) else reason


def other_content(start: bytes, content: SourceFormat) -> str | None:
    """What content is that is read as something else, in words; None where it may be that."""
    kind, is_text = _kind(start), content not in (SourceFormat.PARQUET, SourceFormat.AVRO)
    own = _CSV if content is SourceFormat.CSV else _JSON if is_text else content.value
    if kind in (None, own) or (is_text and kind in (_TEXT, _OTHER_TEXT)):
        return None
    return f"this is {kind}"


def _misnamed(what_it_is: str, file_format: FileFormat) -> str:
    return f"this {what_it_is}, named .{file_format}; deliver {_PROMISED[file_format]}, under this name"


def _kind(start: bytes) -> str | None:
    """What the first bytes say, in words; None when they could be anything."""
    for mark, what in _MARKS:
        if mark.match(start):
            return what
    text = start.decode(errors="replace").strip(BLANK)
    if not text or _NO_TEXT.search(start):
        return None
    if text[0] in "{[":
        return _JSON
    return _CSV if any(field in text.partition("\n")[0] for field in FIELDS) else _TEXT


def places_of_fields(found: Sequence[str]) -> list[int]:
    """Where ``FIELDS`` stand among the column names found in a file, counted from 0.

    Blanks around a name do not matter; anything else does. Raises ``UnreadableFileError`` naming what is
    missing and what was found, or the field that more than one column claims to be.
    """
    names = [name.strip(BLANK) for name in found]
    missing = [field for field in FIELDS if field not in names]
    if missing:
        raise missing_columns(missing, names)
    for field in FIELDS:
        if names.count(field) > 1:
            raise UnreadableFileError(f"{names.count(field)} columns are called {field}; name one of them differently")
    return [names.index(field) for field in FIELDS]


#: Most columns of a file that hold one reading each.
WIDE_COLUMNS_MAX = 2_000

#: Most dots in the name of one: of JSON each may walk into an object, and every such way is looked for.
WIDE_DOTS_MAX = 10


def places_of_columns(source: Source, found: Sequence[str]) -> dict[str, int]:
    """Where the source's columns stand among the names found in a file, by their ``own`` names.

    Raises ``UnreadableFileError`` for the columns that are missing, and for a name that is there twice.
    """
    places: dict[str, int] = {}
    times = Counter(name.strip(BLANK) for name in found)
    for place, name in enumerate(found):
        places.setdefault(name.strip(BLANK), place)
    missing = [column for column in source.columns if column not in places]
    wide = wide_of(source, list(places))
    if missing or (source.wide is not None and not wide):
        texts = [name for name in places if any(column.startswith(f"{name}.") for column in missing)]
        told = "".join(f"; if the text of {name} is JSON, say embedded = [{json.dumps(name)}]" for name in texts[:1])
        letters = {name.lower() for name in places}
        if alike := [column for column in missing if column.lower() in letters]:
            told = f"; {', '.join(alike)} {'stands' if len(alike) == 1 else 'stand'} there in other letters"
        if any("\r" in name and "\n" not in name for name in places):
            told = "; its lines end in a carriage return alone: have them end in a line feed"
        if any("\ufffd" in name or "\0" in name for name in places):
            told = '; its header is no text in UTF-8: say what it is, as in encoding = "windows-1252"'
        wanted = ", ".join([*missing, *([f"any like {source.wide}"] if source.wide and not wide else [])])
        there = [column for column in source.columns if column in places]
        others = other_names([name for name in found if name.strip(BLANK) not in there])
        shown_names = ", ".join([*there, *others]) or "nothing"
        raise UnreadableFileError(f"missing columns of source {source.name}: {wanted}; found: {shown_names}{told}")
    for column in (*source.columns, *wide):
        if times[column] > 1:
            called = column or "nothing"
            raise UnreadableFileError(
                f"{times[column]} columns are called {called}; name one of them differently, or all by header"
            )
    return {own(column): places[column] for column in (*source.columns, *wide)}


def wide_of(source: Source, names: Sequence[str]) -> list[str]:
    """The columns that hold one reading each. Raises ``UnreadableFileError`` for more than any logger has."""
    wide = source.wide_columns(names)
    if len(wide) > WIDE_COLUMNS_MAX:
        raise UnreadableFileError(
            f"{len(wide)} columns like {source.wide}, more than the limit of {WIDE_COLUMNS_MAX}: each would be a sensor"
        )
    if odd := [name for name in wide if len(name) > ID_LENGTH_MAX or name.count(".") > WIDE_DOTS_MAX]:
        raise UnreadableFileError(
            f"{counted(len(odd), 'column')} like {source.wide} with a name of more than {ID_LENGTH_MAX} characters or "
            f"{WIDE_DOTS_MAX} dots: each would be the id of a sensor, which is shorter; deliver it under another name"
        )
    return wide


#: How JSON begins within a text, as it is or in base64.
_EMBEDDED = re.compile(rf"[{BLANK}]*+(?:[{{\[]|e[w-z0-9+/]|W[w-z0-9+/])")


def missing_members(
    missing: Sequence[str], wanted: Collection[str], first: Mapping[str, object]
) -> UnreadableFileError:
    """The error for JSON without what a source names: what of it the first object has, and where more may lie in it."""
    leaves = dict(leaves_of(first))
    ours = {member.removeprefix("/").removesuffix(".*") for member in wanted}

    def place(name: str) -> str:
        """A name that leads to what the source names is the source's."""
        is_ours = any(f"{member}.".startswith(f"{name}.") for member in ours)
        return json.dumps(name) if is_ours else f"its name, of {len(name)} characters,"

    told = [
        f"a member is a text that holds JSON: embedded = [{place(name)}] looks into it"
        for name, value in leaves.items()
        if isinstance(value, str) and _EMBEDDED.match(value)
    ]
    arrays = [
        f"a member is an array: records = {place(name)} makes each of its elements a record"
        for name, value in leaves.items()
        if isinstance(value, list) and value
    ]
    there = [name for name in leaves if name in ours]
    shown = [*there, *other_names([name for name in leaves if name not in ours])]
    found = f"missing in every object: {', '.join(missing)}; found in the first: {', '.join(shown) or 'nothing'}"
    return UnreadableFileError("; ".join([found, *told[:1], *arrays[:1]]))


def leaves_of(value: Mapping[str, object], path: str = "") -> Iterator[tuple[str, object]]:
    """What is no object itself, by its name, dots between the keys; an object with too long a name is whole."""
    for key, inner in value.items():
        name = f"{path}{key}"
        if isinstance(inner, Mapping) and inner and len(name) <= NAME_LENGTH_MAX:
            yield from leaves_of(inner, f"{name}.")
        else:
            yield name, inner


def missing_columns(missing: Sequence[str], found: Sequence[str]) -> UnreadableFileError:
    """The error for a file without some of the four columns: which of them it has, and how many and how long others."""
    own = [field for field in FIELDS if field in found]
    alike = {name.lower() for name in found if name not in FIELDS}
    own += [f"{field} in other letters" for field in FIELDS if field in alike]
    if any(all(field in name for field in FIELDS) for name in found):
        own.append("all four in one name, so what separates them is not a comma")
    elif len(found) == 1 and (others_in := [words for mark, words in SEPARATORS.items() if mark in found[0]]):
        own.append(f"a single name with {' and '.join(others_in)} in it, so what separates them is not a comma")
    others = other_names([name for name in found if name not in FIELDS])
    return UnreadableFileError(
        f"missing columns: {', '.join(missing)}; found: {', '.join([*own, *others]) or 'nothing'}"
    )


def other_names(names: Sequence[str]) -> list[str]:
    """Names that nobody asked for, by their number and lengths: their text may be anything."""
    if not names:
        return []
    shortest, longest = min(map(len, names)), max(map(len, names))
    least = "" if shortest == longest else f"{shortest} to "
    return [f"{counted(len(names), 'other name')} of {least}{counted(longest, 'character')}"]
