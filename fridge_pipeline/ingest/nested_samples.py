"""Where the readings of unknown JSON may lie: in arrays within objects, under keys, in lists side by side, in texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from fridge_pipeline.ingest.landing.nested_records import BARE, Record, records_at
from fridge_pipeline.ingest.rules.embedded_json import decoded_text, decoded_within
from fridge_pipeline.ingest.rules.guess_fields import TEXT_LENGTH_MAX
from fridge_pipeline.ingest.rules.guess_source import Nested

#: So many ways to take objects apart, and of each so many records and rows, are looked at.
PATHS_MAX, RECORDS_MAX, ROWS_MAX = 40, 200, 500

#: Of so many ways some are alike. A way doubles with each object that holds nothing but an object.
_LOOKS_MAX = 1_000

#: So many columns of a sample are looked at.
COLUMNS_MAX = 500


def nested(objects: Sequence[object]) -> Iterator[Nested]:
    """The ways in which these objects may hold readings, those without ``records`` first."""
    places = (place for each in objects[:3] for place in _texts(each))
    embedded = tuple(dict.fromkeys(islice(places, PATHS_MAX)))
    opened = [decoded_within(each, embedded) for each in objects]
    paths = dict.fromkeys(["", *islice((path for each in opened[:3] for path in _paths(each)), _LOOKS_MAX)])
    for path in islice(paths, PATHS_MAX):
        columns = _columns(opened, path)
        if columns:
            yield Nested(path, embedded, columns)


def _texts(value: object, path: str = "") -> Iterator[str]:
    """Where a text is JSON that holds more than a value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, _below(path, key))
    elif isinstance(value, list) and path:
        yield from _texts(value[0], path) if value else ()
    elif isinstance(value, str) and isinstance(decoded_text(value), (dict, list)):
        yield path


def _paths(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, list):
        yield from [path] if path else []
        yield from _paths(value[0], path) if value and not isinstance(value[0], list) else ()
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths(inner, _below(path, key))
        if value and all(isinstance(inner, Mapping) for inner in value.values()):
            yield _below(path, "*")
            yield from _paths(next(iter(value.values())), _below(path, "*"))
        elif value and all(isinstance(inner, int | float) for inner in value.values()):
            yield _below(path, "*")


def _below(path: str, key: str) -> str:
    name = f"{path}.{key}" if path else key
    return name[: TEXT_LENGTH_MAX + 1]  # a longer one is no name, and those within it would be as long each


def _columns(objects: Iterable[object], path: str) -> dict[str, list[str]]:
    """The values by the names that a source calls them, as text; empty where a record has none."""
    rows = (
        row
        for record in islice((each for whole in objects for each in records_at(whole, path)), RECORDS_MAX)
        for row in islice(_rows(record, path.split(".")), RECORDS_MAX)
    )
    return columns_of_rows([*islice(rows, ROWS_MAX)])


def columns_of_rows(rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """The values by their names; empty where a row has none."""
    names = islice(dict.fromkeys(name for row in rows for name in row), COLUMNS_MAX)
    return {name: [row.get(name, "")[:TEXT_LENGTH_MAX] for row in rows] for name in names}


def _rows(record: Record, keys: Sequence[str]) -> Iterator[dict[str, str]]:
    """One row, or one for each place of lists side by side."""
    row, lists = dict(islice(_leaves(record.value), COLUMNS_MAX)), dict(islice(_lists(record.value), COLUMNS_MAX))
    row |= {"*": record.key} if keys[-1] == "*" else {}
    for height, above in enumerate(reversed(record.above), start=1):
        prefix = "/" if height == len(record.above) else "../" * height
        is_map = keys[-height:][:1] == ["*"]  # its members are records, or lead to them
        row |= {f"{prefix}*": above.key} if above.key and prefix != "/" else {}
        if not is_map:
            row |= {prefix + name: value for name, value in islice(_leaves(above.value), COLUMNS_MAX)}
    row = dict(islice(row.items(), COLUMNS_MAX))
    longest = max(map(len, lists.values()), default=0)
    if not longest:
        yield row
    for place in range(longest):
        yield row | {f"{name}.*": _text(values[place]) for name, values in lists.items() if place < len(values)}


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if len(path) > TEXT_LENGTH_MAX:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(inner, list):
                yield from _leaves(inner, _below(path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value[:10]):
            if not isinstance(inner, (list, Mapping)):
                yield _below(path, str(place)), _text(inner)
    else:
        yield path or BARE, _text(value)


def _lists(value: object, path: str = "") -> Iterator[tuple[str, list[object]]]:
    """Lists of plain values, which may stand side by side."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, list) and inner and not any(isinstance(each, (list, Mapping)) for each in inner):
                yield _below(path, key), inner
            elif isinstance(inner, Mapping):
                yield from _lists(inner, _below(path, key))


def _text(value: object) -> str:
    return "" if value is None else f"{value}"
