"""Records that lie within a JSON object: in arrays, beside fields that hold for all of them, under keys that are ids.

``records`` walks to them; an array on the way, or at its end, is each of its elements, and ``*`` is each member of an
object. A column of a record is walked to from the record, with numbers as places in arrays; one that begins with ``/``
from the object that the line holds, with ``../`` from the object that the record lies in; ``*`` alone is the key of the
last ``*`` on the way, and ``value`` a record that is no object. A column that ends in ``.*`` is a list with a value for
each row, beside other such lists. A line that holds an array is one record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fridge_pipeline.ingest.rules.embedded_json import short, walk
from fridge_pipeline.ingest.rules.senml import resolved
from fridge_pipeline.ingest.rules.source import PLACE

#: An object with more records is too long a line: all its rows are in memory at once.
RECORDS_MAX = 200_000

#: And so is one whose records have longer texts together: each has a copy of what stands beside all of them.
ROWS_CHARACTERS_MAX = 64 * 2**20

#: Of a file whose objects hold records so much is taken apart at once.
EXPANDED_BYTES = 2**18

#: A record that is neither object nor array is the value of this column.
BARE = "value"

_EACH, _ABOVE = "*", "../"


def records_of(
    whole: object, records: str, members: Mapping[str, str], *, are_senml: bool = False
) -> Iterator[tuple[dict[str, object] | None, str]]:
    """Of each record the columns' values, by their names, and its text; one without values where there is no record."""
    is_there = False
    lists = [name for name, member in members.items() if member.endswith("." + _EACH)]
    base: dict[str, Any] = {}
    for record in records_at(whole, records, is_one=not are_senml):
        is_there = True
        said = record.value
        if are_senml and isinstance(said, Mapping):
            base = base if record.place else {}
            record = record._replace(value=resolved(said, base))  # noqa: PLW2901
        found = {name: _value(whole, record, member) for name, member in members.items()}
        if not lists:
            yield _short(found), _text(said)
            continue
        values = {name: _listed(found[name]) for name in lists}
        for place in range(max(map(len, values.values()))):
            row = {name: value[place] if place < len(value) else None for name, value in values.items()}
            places = {name: place for name, member in members.items() if member == PLACE}
            yield _short({**found, **row, **places}), _text({members[name]: value for name, value in row.items()})
    if not is_there:
        yield None, _text(whole)


def _listed(value: object) -> list[object]:
    """A list beside others; of an object by the numbers of its rows, as pandas writes one, its members."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def _short(found: dict[str, object]) -> dict[str, object]:
    """A field is short, or none at all: what stands beside many records is not to be copied as a whole for each."""
    return {name: short(value) for name, value in found.items()}


#: Once for all records: ``json.dumps`` makes one for each.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _text(record: object) -> str:
    text = _ENCODER.encode(record)
    return text if text.isascii() else text.encode(errors="replace").decode()


class Record(NamedTuple):
    """A record or an object on the way to it, the key of the last ``*`` before it, and the objects that it lies in.

    ``place`` is that in its array.
    """

    value: object
    key: str
    above: tuple[Record, ...]
    place: int = 0


def records_at(whole: object, records: str, *, is_one: bool = True) -> Iterator[Record]:
    """The records where ``records`` says; a line that holds an array is one itself, unless it is said not to be."""
    keys = records.split(".") if records else []
    is_record = is_one and not keys and isinstance(whole, list)
    return iter([Record(whole, "", ())]) if is_record else _at(whole, keys, "", ())


def _at(value: object, keys: list[str], key: str, above: tuple[Record, ...]) -> Iterator[Record]:
    if not keys:
        each = value if isinstance(value, list) else [value]
        yield from (Record(one, key, above, place) for place, one in enumerate(each))
    elif isinstance(value, list):
        if keys[0].isdecimal() and not any(isinstance(each, dict) and keys[0] in each for each in value):
            value, keys = value[int(keys[0]) :][:1], keys[1:]
        for each in value:
            yield from _at(each, keys, key, above)
    elif isinstance(value, dict):
        within = (*above, Record(value, key, above))
        if keys[0] == _EACH:
            for name, each in value.items():
                yield from _at(each, keys[1:], name, within)
        elif ".".join(keys) in value:
            yield from _at(value[".".join(keys)], [], key, within)
        elif keys[0] in value:
            yield from _at(value[keys[0]], keys[1:], key, within)


def _value(whole: object, record: Record, member: str) -> object:
    if member.startswith(_ABOVE):
        return _value(whole, record.above[-1], member.removeprefix(_ABOVE)) if record.above else None
    if member == _EACH:
        return record.key
    if member == PLACE:
        return record.place
    if member == BARE and not isinstance(record.value, (dict, list)):
        return record.value
    path = member.removesuffix("." + _EACH)
    return walk(whole, path[1:]) if path.startswith("/") else walk(record.value, path)
