"""Numbers that a source keeps with its readings besides the temperature: what becomes of each value."""

from __future__ import annotations

import json
from io import BytesIO

import polars as pl
import pytest

from fridge_pipeline.ingest.rules.source import Source
from fridge_pipeline.ingest.sources_file import SourcesError, read_sources
from tests.ingest.landing.test_sources import Outcome, read, source

AT = "2026-01-24T18:30:00Z"
FIELDS = """
name = "doors"
match = "*"
tenant_id = { value = "troy" }
sensor_id = { column = "id" }
recorded_at = { column = "at" }
temperature = { column = "t" }
"""
KEPT = """
numbers.door_openings = { column = "door.count", type = "integer", missing = [-1, "n/a"] }
numbers.energy_wh = { column = "kwh", type = "decimal", scale = 1000, missing = ["NaN"] }
"""
DOORS = source(FIELDS + KEPT)

#: What a file says of the door, and of the energy: what is kept of both, or why the row is no reading.
VALUES: list[tuple[object, object, list[int | None] | str | None]] = [
    (3, 0.0125, [3, 12_500]),
    (0, 0, [0, 0]),
    (3, None, [3, None]),
    (None, 0.1, [None, 100_000]),
    (None, None, None),
    (-1, "NaN", None),
    ("n/a", "", None),
    (-2, -0.5, [-2, -500_000]),
    (1e9, 1000, [1_000_000_000, 1_000_000_000]),
    (1, 0.0000014, [1, 1]),
    ("two", 1, "unreadable number beside the temperature"),
    (True, 1, "unreadable number beside the temperature"),
    (1, "inf", "unreadable number beside the temperature"),
    (1, "1e400", "unreadable number beside the temperature"),
    (1, "1,5", "unreadable number beside the temperature"),
    ("NaN", 1, "unreadable number beside the temperature"),
    (1.5, 1, "number beside the temperature with a fraction"),
    (1_000_000_001, 1, "number beside the temperature out of range"),
    (1, -1000.1, "number beside the temperature out of range"),
]


def kept_of(outcome: Outcome) -> list[object]:
    """The numbers of each reading, in parts: what stands behind its five fields."""
    return [row[-1] for row in outcome.valid]


def as_csv() -> bytes:
    lines = [["id", "at", "t", "door.count", "kwh"]]
    lines += [[f"s{n}", AT, "4.5", *map(_written, values)] for n, (*values, _) in enumerate(VALUES)]
    return "\n".join('"' + '","'.join(cells) + '"' for cells in lines).encode()


def _written(value: object) -> str:
    return "" if value is None else str(value)


def as_ndjson() -> bytes:
    rows = [
        {"id": f"s{n}", "at": AT, "t": 4.5, "door": {"count": door}, "kwh": energy}
        for n, (door, energy, _) in enumerate(VALUES)
    ]
    return "\n".join(json.dumps(row) for row in rows).encode()


def as_parquet() -> bytes:
    """Texts, as one column has one type."""
    doors = [None if door is None else str(door) for door, _, _ in VALUES]
    kwh = [None if energy is None else str(energy) for _, energy, _ in VALUES]
    sensors = [f"s{n}" for n in range(len(VALUES))]
    frame = pl.DataFrame({"id": sensors, "at": AT, "t": 4.5, "door.count": doors, "kwh": kwh})
    stream = BytesIO()
    frame.write_parquet(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", as_csv()), ("a.ndjson", as_ndjson()), ("a.parquet", as_parquet())]
)
def test_a_number_is_kept_in_whole_parts_or_missing_or_its_row_rejected(name: str, content: bytes) -> None:
    outcome = read(DOORS, content, name)
    assert outcome.error is None
    first = 2 if name == "a.csv" else 1
    kept = dict(zip([row[0] - first for row in outcome.valid], kept_of(outcome), strict=True))
    rejected = {line - first: reason for line, reason, _ in outcome.rejected}
    assert kept == {n: told for n, (*_, told) in enumerate(VALUES) if not isinstance(told, str)}
    assert rejected == {n: told for n, (*_, told) in enumerate(VALUES) if isinstance(told, str)}


def test_numbers_of_parquet_may_be_of_any_numeric_type_and_a_time_is_none() -> None:
    frame = pl.DataFrame(
        {"id": ["a", "b", "c"], "at": AT, "t": 4.5, "door.count": [1, None, 3], "kwh": [0.5, float("nan"), None]}
    )
    for types in ({"door.count": pl.UInt8}, {"door.count": pl.Float32}, {"kwh": pl.Float32}):
        stream = BytesIO()
        frame.cast(types).write_parquet(stream)  # type: ignore[arg-type]
        assert kept_of(read(DOORS, stream.getvalue(), "a.parquet")) == [
            [1, 500_000],
            None,
            [3, None],
        ]
    stream = BytesIO()
    frame.with_columns(pl.col("door.count").cast(pl.Datetime("us"))).write_parquet(stream)
    assert [reason for _, reason, _ in read(DOORS, stream.getvalue(), "a.parquet").rejected] == [
        "unreadable number beside the temperature"
    ] * 2


def test_a_decimal_comma_holds_for_numbers_too_and_only_an_object_may_leave_a_number_out() -> None:
    comma = source(FIELDS + KEPT + 'delimiter = ";"\ndecimal = ","')
    assert kept_of(read(comma, f"id;at;t;door.count;kwh\ns;{AT};4,5;2;0,125\n", "a.csv")) == [[2, 125_000]]
    assert read(DOORS, f"id,at,t,kwh\ns,{AT},4.5,1\n", "a.csv").error == (
        "missing columns of source doors: door.count; found: id, at, t, kwh"
    )
    assert kept_of(read(DOORS, json.dumps({"id": "s", "at": AT, "t": 4.5}), "a.ndjson")) == [None]


def test_a_source_without_numbers_is_the_definition_that_it_was_and_one_with_them_another() -> None:
    assert "numbers" not in source(FIELDS).definition
    assert source(FIELDS).sha256 != DOORS.sha256 != _renamed().sha256


def _renamed() -> Source:
    return source(FIELDS + KEPT.replace("energy_wh", "energy"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('numbers.doors = { column = "d" }', "line 8: source 1 lacks numbers.doors.type"),
        ('numbers.doors = { type = "integer" }', "line 8: source 1 lacks numbers.doors.column"),
        (
            'numbers.doors = { column = "d", type = "integer", unit = "x" }',
            "line 8: source 1 has the unknown key numbers.doors.unit; there are scale, offset, missing, column, type",
        ),
        (
            'numbers.doors = { column = "d", type = "float" }',
            "numbers.doors.type: input should be 'integer' or 'decimal'",
        ),
        ('numbers.doors = { column = "d", type = "integer", scale = 0 }', "scale 0 makes every number the same"),
        ('numbers.Doors = { column = "d", type = "integer" }', "numbers.Doors: a name is of small letters"),
        (
            'numbers.temperature_c = { column = "d", type = "integer" }',
            "temperature_c: a name is of small .* no other column",
        ),
        ('numbers.between = { column = "d", type = "integer" }', "between: .* and no word of SQL"),
        (
            'numbers.doors = { column = "/d", type = "integer" }',
            "doors: /d stands beside several readings: each would count",
        ),
        (
            'numbers.a = { column = "a", type = "integer" }\n[source.numbers.doors]\ncolumn = "d"\ntype = "whole"',
            "line 9: source 1: numbers.doors.type",
        ),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused_by_key_and_line(more: str, told: str) -> None:
    with pytest.raises(SourcesError, match=told):
        source(FIELDS.strip() + "\n" + more)


def test_a_number_that_several_readings_would_count_is_refused() -> None:
    wide = FIELDS.replace('sensor_id = { column = "id" }', "").replace('{ column = "t" }', "{}")
    with pytest.raises(SourcesError, match="a wide row is several readings: each would count them"):
        source(wide + 'wide = { columns = "^T" }' + KEPT)
    lists = FIELDS.replace('"at"', '"at.*"').replace('"t"', '"t.*"')
    with pytest.raises(SourcesError, match=r"door_openings: door.count stands beside several readings"):
        source(lists + KEPT)
    number = 'numbers.doors = { column = "door.*", type = "integer" }'
    text = json.dumps({"id": "s", "at": [AT, "2026-01-24T18:31:00Z"], "t": [4.5, 4.6], "door": [2, 3]})
    assert kept_of(read(source(lists + number), text, "a.ndjson")) == [[2], [3]]


def test_one_number_has_one_type_in_all_sources() -> None:
    other = FIELDS.replace('"doors"', '"others"') + 'numbers.door_openings = { column = "d", type = "decimal" }'
    with pytest.raises(
        SourcesError,
        match=r"line 19: source 2: numbers.door_openings.type is decimal, and integer in another source",
    ):
        read_sources(f"[[source]]{FIELDS}{KEPT}\n[[source]]{other}")
