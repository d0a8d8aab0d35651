"""Shapes that public formats have, which a source read as something else, or not at all."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fridge_pipeline.ingest.check_source import check_source
from fridge_pipeline.ingest.landing.avro_blocks import BLOCK_BYTES_MAX
from fridge_pipeline.ingest.sources_file import SourcesError
from tests.ingest.landing.delivery import HOUR
from tests.ingest.landing.test_newcomers_gateways import AT, FIELDS, as_avro, as_parquet, plain
from tests.ingest.landing.test_sources import read, source


@pytest.mark.parametrize("kind", [pa.decimal64(9, 2), pa.decimal128(38, 2), pa.decimal256(50, 2)], ids=str)
def test_a_decimal_is_the_number_that_its_text_is_in_any_other_file(kind: pa.DataType) -> None:
    """8.2 that is read as 8.200000000000001 is above 8.2, and a measure of that counts it."""
    numbers = [Decimal(hundredths).scaleb(-2) for hundredths in range(-10_000, 15_001, 7)]
    content = as_parquet(
        s=pa.array([str(number) for number in numbers]),
        at=pa.array([AT] * len(numbers)),
        t=pa.array(numbers, kind),
    )
    found = read(source(plain("decimals")), content, "d.parquet")
    assert [degrees for *_, degrees in found.valid] == [float(str(number)) for number in numbers]


@pytest.mark.parametrize(
    ("pattern", "given", "utc"),
    [
        ("%d.%m.%Y %H:%M", "23.01.2026 24:00", "2026-01-24 00:00"),
        ("%d.%m.%Y %T", "31.12.2025 24:00:00", "2026-01-01 00:00"),
        ("%Y %j %H%M", "2026 23 2400", "2026-01-24 00:00"),
        ("%Y-%m-%dT%H:%M:%S%.f%z", "2026-01-23T24:00:00.000+01:00", "2026-01-23 23:00"),
        ("%H:%M %d.%m.%Y", "24:00 23.01.2026", "2026-01-24 00:00"),
        ("%d.%m.%Y %H:%M", "23.01.2026 24:01", None),
        ("%d.%m.%Y %H:%M:%S", "23.01.2026 24:00:01", None),
        ("%d.%m.%Y %H:%M", "24:00", None),
        ("%d/%m/%Y %I:%M %p", "24/01/2026 6:05 p.m.", "2026-01-24 18:05"),
        ("%d/%m/%Y %I:%M %p", "24/01/2026 6:05 a.\N{NO-BREAK SPACE}m.", "2026-01-24 06:05"),
        ("%d/%m/%Y %I:%M %p", "24/01/2026 24:00 p.m.", None),
        ("%d %b %Y %H:%M", "24 Sept 2025 18:05", "2025-09-24 18:05"),
    ],
)
def test_a_day_that_ends_and_words_of_other_languages_are_times_of_a_pattern(
    pattern: str, given: str, utc: str | None
) -> None:
    fields = FIELDS.replace('"at"', f'"at", format = "{pattern}"')
    found = read(source(plain("clocks", fields, delimiter=";")), f"s;at;t\ns1;{given};4.5\n", "c.csv")
    assert [f"{at:%Y-%m-%d %H:%M}" for *_, at, _ in found.valid] == ([utc] if utc else [])
    assert [reason for _, reason, _ in found.rejected] == ([] if utc else ["unreadable time"])


WIDE = 'tenant_id = { value = "troy" }\nrecorded_at = { column = "Time" }\nwide = { columns = "^T[0-9]$" }\n'


@pytest.mark.parametrize(
    ("header", "fields"), [("Time,T1,T2", WIDE), ("at,t,s", FIELDS)], ids=["wide", "a sensor's column"]
)
@pytest.mark.parametrize("other", ["Timestamp,Humidity,T1", "Date/Time,RH,Probe", " Datum , Feuchte , Sonde "])
def test_a_line_that_calls_its_time_one_is_a_header_whatever_the_name(header: str, fields: str, other: str) -> None:
    """Behind it humidities were temperatures."""
    found = read(source(plain("two", fields)), f"{header}\n{AT},4.5,5\n{other}\n{AT},45,4.5\n", "two.csv")
    assert {degrees for *_, degrees in found.valid} <= {4.5, 5.0}
    assert found.rejected == []
    assert "line 3 is a header of other columns" in str(found.error)


@pytest.mark.parametrize(
    "row",
    [
        "Invalid Date,NaN,s1",
        "not-a-date-time,n/a,s1",
        "No time,error,s1",
        "Unknown time,4.5 °C,s1",
        "Average time,4.5,s1",
        "Time out,,s1",
        "NULL,NULL,s1",
        "24 hour time,x,s1",
        "Date,-,s1",
    ],
)
def test_a_row_without_a_time_is_no_header(row: str) -> None:
    found = read(source(plain("one")), f"at,t,s\n{AT},4.5,s1\n{row}\n{AT},5,s2\n", "one.csv")
    assert (found.error, [sensor for _, _, sensor, *_ in found.valid]) == (None, ["s1", "s2"])
    assert [line for line, *_ in found.rejected] == [3]


@pytest.mark.parametrize("units", ["DateTime,Float32,String", "TS,Deg C,Text", "Timestamp,degrees,name"])
def test_a_line_of_types_or_units_behind_a_header_is_a_rejected_row(units: str) -> None:
    """Also where exports stand one behind the other."""
    one = f"at,t,s\n{units}\n"
    content = f"{one}{AT},4.5,s1\n{AT},5,s2\n{one}{AT},6,s3\n"
    found = read(source(plain("typed")), content, "t.csv")
    assert (found.error, [sensor for _, _, sensor, *_ in found.valid]) == (None, ["s1", "s2", "s3"])
    assert [line for line, *_ in found.rejected] == [2, 5, 6]
    twice = read(source(plain("typed")), f"{content}{units}\n{AT},45,s4\n", "t.csv")
    assert ("line 8 is a header of other columns" in str(twice.error), len(twice.valid)) == (True, 3)


def test_the_files_own_header_under_one_that_is_given_is_a_rejected_row() -> None:
    given = plain("given", skip_lines=0, header=["at", "t", "s"])
    found = read(source(given), f"Time,Temperature,Probe\n{AT},4.5,s1\n", "g.csv")
    assert (found.error, [sensor for _, _, sensor, *_ in found.valid]) == (None, ["s1"])


#: As data loggers of the series EL-USB write it: the number of the logger stands in the first row alone.
EASY_LOG = (
    f"Fridge,Time,Celsius(°C),High Alarm,Serial Number\n1,{AT},4.5,8.0,010012345\n2,{AT},5\n3,{AT}\n4,{AT},6,8,9,10\n"
)


@pytest.mark.parametrize("quote", ["", '"'])
def test_rows_that_leave_out_cells_at_their_end_are_rows_where_the_source_says_so(quote: str) -> None:
    fields = FIELDS.replace('"s"', '"Fridge"').replace('"at"', '"Time"').replace('"t"', '"Celsius(°C)"')
    content = EASY_LOG.replace("4.5", f"{quote}4.5{quote}")
    found = read(source(plain("easylog", fields, short_rows=True)), content, "e.csv")
    assert [(sensor, degrees) for _, _, sensor, _, degrees in found.valid] == [("1", 4.5), ("2", 5)]
    assert [(line, reason) for line, reason, _ in found.rejected] == [
        (4, "missing temperature_c"),
        (5, "wrong number of fields"),
    ]
    strict = read(source(plain("easylog", fields)), content, "e.csv")
    assert [line for line, *_ in strict.valid] == [2]


@pytest.mark.parametrize(
    ("keys", "given", "number"),
    [
        ({"thousands": ","}, "1,234.5", 1234.5),
        ({"thousands": ","}, "-123,456", -123456),
        ({"thousands": ".", "decimal": ","}, "1.234,5", 1234.5),
        ({"thousands": "'"}, "1'234.5", 1234.5),
        ({"thousands": "'"}, "1\N{RIGHT SINGLE QUOTATION MARK}234", 1234),
        ({"thousands": " ", "decimal": ","}, "1\N{NARROW NO-BREAK SPACE}234,5", 1234.5),
        ({"thousands": " ", "decimal": ","}, "1\N{NO-BREAK SPACE}234", 1234),
        ({"thousands": ","}, "4.5", 4.5),
        ({"thousands": ","}, "12,34", None),
        ({"thousands": ","}, "1,2345", None),
        ({"thousands": "."}, "refused", None),
        ({}, "1,234.5", None),
    ],
)
def test_what_stands_between_thousands_is_no_part_of_a_number_where_the_source_says_so(
    keys: dict[str, object], given: str, number: float | None
) -> None:
    more = 'numbers.e = { column = "e", type = "decimal" }\n'
    definition = plain("sums", FIELDS.replace('"t" }', '"t", scale = 0.0001 }') + more, delimiter=";", **keys)
    if given == "refused":
        with pytest.raises(SourcesError, match="thousands and decimal are the same sign"):
            source(definition)
        return
    found = read(source(definition), f"s;at;t;e\ns1;{AT};{given};{given}\n", "s.csv")
    rows: list[tuple[Any, ...]] = [*found.valid]
    assert [row[4:] for row in rows] == ([(round(number * 0.0001, 6), [number * 1000])] if number else [])


def test_a_column_without_a_name_is_named_so() -> None:
    """As pandas writes a table whose index are the times."""
    fields = WIDE.replace('"Time"', '""')
    found = read(source(plain("pandas", fields)), f",T1,T2,T3\n{AT},4.5,,\n{AT},,,\n{AT},,5,\n", "p.csv")
    assert [(line, sensor) for line, _, sensor, *_ in found.valid] == [(2, "T1"), (4, "T2")]
    assert [(line, reason) for line, reason, _ in found.rejected] == [(3, "no measurement")]
    assert found.error is None
    twice = read(source(plain("pandas", fields)), f",T1,\n{AT},4.5,\n", "p.csv")
    assert "2 columns are called nothing" in str(twice.error)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (FIELDS.replace('"at"', "5"), "line 8: source 1: recorded_at.column is the name of a column, or a list of 2"),
        (FIELDS.replace('"at"', '["at"]'), "recorded_at.column is the name of a column, or a list of 2 to 7 names"),
        (FIELDS.replace('{ column = "s" }', '"s"'), "line 7: source 1: sensor_id is a table of keys, { … }, got 's'"),
        (f"{FIELDS}\nwhere = 5\n", "where is a table of keys, { … }, got 5"),
    ],
)
def test_a_key_that_holds_something_else_is_refused_in_the_words_of_the_page(fields: str, told: str) -> None:
    with pytest.raises(SourcesError) as refused:
        source(plain("odd", fields))
    assert told in str(refused.value)


def test_a_whole_number_that_is_read_as_another_time_is_named_as_what_it_is(tmp_path: Path) -> None:
    """Of parquet nothing was said, or that the clock was never set."""
    file = tmp_path / "e.parquet"
    file.write_bytes(as_parquet(s=pa.array(["s1"]), at=pa.array([1_769_279_400]), t=pa.array([4.5])))
    for time, told in (('"at"', "epoch seconds"), ('"at", format = "epoch_ms"', "epoch seconds (since 1970), read in")):
        definition = source(plain("epochs", FIELDS.replace('"at"', time)))
        (rejection,) = check_source(file, file.name, definition, HOUR).rejections
        assert str(rejection.looks_like).startswith(told)


def _varint(number: int) -> bytes:
    rest, found = number << 1, b""
    while rest > 0x7F:
        found, rest = found + bytes([rest & 0x7F | 0x80]), rest >> 7
    return found + bytes([rest])


def _packed_avro(plain: bytes, size: int | None = None) -> bytes:
    """A container of one record, packed as Spark's ``spark.sql.avro.compression.codec = zstandard`` does."""
    schema = {"type": "record", "name": "r", "fields": [{"name": name, "type": "string"} for name in ("s", "at", "t")]}
    header = {b"avro.codec": b"zstandard", b"avro.schema": json.dumps(schema).encode()}
    entries = b"".join(_varint(len(part)) + part for entry in header.items() for part in entry)
    packed: bytes = pa.compress(plain, codec="zstd", asbytes=True)[:size]
    sync = bytes(range(16))
    return b"Obj\x01" + _varint(2) + entries + b"\0" + sync + _varint(1) + _varint(len(packed)) + packed + sync


def test_avro_that_is_packed_with_zstandard_is_read_and_a_block_is_unpacked_up_to_a_limit() -> None:
    record = b"".join(_varint(len(text)) + text.encode() for text in ("s1", AT, "4.5"))
    found = read(source(plain("spark")), _packed_avro(record), "part-0.avro")
    assert [(sensor, degrees) for _, _, sensor, _, degrees in found.valid] == [("s1", 4.5)]
    cut = read(source(plain("spark")), _packed_avro(record, -3), "part-0.avro")
    assert (cut.valid, str(cut.error)[:24]) == ([], "damaged avro in block 1:")
    large = read(source(plain("spark")), _packed_avro(record + bytes(BLOCK_BYTES_MAX)), "part-0.avro")
    assert "over the limit of" in str(large.error)


def test_a_number_of_32_bits_is_the_one_that_was_written() -> None:
    """8.3 is 8.300000190734863 there, which is above 8.3, and a measure of that counts it."""
    numbers = [hundredths / 100 for hundredths in range(-10_000, 15_001, 7)]
    names = [str(number) for number in numbers]
    rows = [{"s": name, "at": AT, "t": number, "m": {"t": number}} for name, number in zip(names, numbers, strict=True)]
    inner = {"type": "record", "name": "m", "fields": [{"name": "t", "type": ["null", {"type": "float"}]}]}
    types = {"s": "string", "at": "string", "t": "float", "m": inner}
    avro = {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in types.items()]}
    values = pa.array(numbers, pa.float32())
    parquet = as_parquet(
        s=pa.array(names), at=pa.array([AT] * len(names)), t=values, m=pa.StructArray.from_arrays([values], ["t"])
    )
    for file, content in (("f.avro", as_avro(avro, *rows)), ("f.parquet", parquet)):
        for column in ("t", "m.t"):
            found = read(source(plain("singles", FIELDS.replace('"t"', f'"{column}"'))), content, file)
            assert [degrees for *_, degrees in found.valid] == numbers, (file, column)


def test_numbers_of_32_bits_that_are_no_temperature_say_so_whatever_they_are() -> None:
    odd = [float("nan"), float("inf"), -float("inf"), 3.4028234663852886e38, 1e-30, 16_777_217.0, 1 / 3]
    schema = {
        "type": "record",
        "name": "r",
        "fields": [{"name": "s", "type": "string"}, {"name": "at", "type": "string"}, {"name": "t", "type": "float"}],
    }
    rows = [{"s": str(place), "at": AT, "t": number} for place, number in enumerate(odd)]
    parquet = as_parquet(
        s=pa.array([row["s"] for row in rows]), at=pa.array([AT] * len(odd)), t=pa.array(odd, pa.float32())
    )
    outcomes = [
        read(source(plain("odd")), content, file)
        for file, content in (("f.avro", as_avro(schema, *rows)), ("f.parquet", parquet))
    ]
    for found in outcomes:
        assert [(sensor, round(degrees, 6)) for _, _, sensor, _, degrees in found.valid] == [
            ("4", 0.0),
            ("6", 0.333333),
        ]
        assert [(line, reason) for line, reason, _ in found.rejected] == [
            (1, "temperature not finite"),
            (2, "temperature not finite"),
            (3, "temperature not finite"),
            (4, "temperature out of range"),
            (6, "temperature out of range"),
        ]
    assert outcomes[0].valid == outcomes[1].valid
