"""What gateways deliver whose public formats a source could not say: names with dots, hours alone, kinds in topics."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest

from fridge_pipeline.ingest.rules.source import Source
from fridge_pipeline.ingest.sources_file import SourcesError
from tests.ingest.landing.test_newcomers_gateways import AT, FIELDS, as_parquet, plain
from tests.ingest.landing.test_sources import read, source

#: How OData, Elasticsearch and MQTT brokers nest names that hold dots themselves.
DOTTED: dict[str, dict[str, Any]] = {
    "at its end": {"Datastream": {"@iot.id": 7}, "at": AT, "m": {"t.c": 4.5}},
    "deeper": {"Datastream": {"@iot.id": 7}, "at": AT, "m": {"t": {"c": 4.5}}},
    "flattened": {"Datastream.@iot.id": 7, "at": AT, "m.t.c": 4.5},
    "the shortest way first": {"Datastream": {"@iot.id": 7}, "at": AT, "m": {"t.c": 4.5, "t": {"c": 40}}},
}
OF_DOTTED = FIELDS.replace('"s"', '"Datastream.@iot.id"')


@pytest.mark.parametrize("name", DOTTED)
@pytest.mark.parametrize("way", ["ndjson", "json", "records", "embedded"])
def test_a_key_with_dots_is_found_wherever_it_stands(name: str, way: str) -> None:
    row = DOTTED[name]
    text = {"records": json.dumps({"rows": [row]}), "embedded": json.dumps({"p": json.dumps(row)})}
    fields = OF_DOTTED.replace('"t"', '"m.t.c"')
    keys: dict[str, object] = {"records": {"records": "rows"}, "embedded": {"embedded": ["p"]}}.get(way, {})  # type: ignore[assignment]
    if way == "embedded":
        fields = fields.replace('column = "', 'column = "p.')
    found = read(
        source(plain("dots", fields, **keys)), text.get(way, json.dumps(row)), "d.json" if way == "json" else "d.ndjson"
    )
    assert [(sensor, degrees) for _, _, sensor, _, degrees in found.valid] == [("7", 4.5)], found


def test_a_key_with_dots_that_is_null_in_every_object_is_there() -> None:
    found = read(
        source(plain("dots", FIELDS.replace('"t"', '"m.t.c"'))),
        json.dumps({"s": 1, "at": AT, "m": {"t.c": None}}),
        "d.ndjson",
    )
    assert (found.error, [reason for _, reason, _ in found.rejected]) == (None, ["missing temperature_c"])


def test_an_attribute_of_avro_whose_name_has_dots_is_an_id() -> None:
    fields = [
        {"name": "a", "type": {"type": "map", "values": "string"}},
        *({"name": n, "type": "string"} for n in ("at", "t")),
    ]
    buffer = BytesIO()
    fastavro.writer(
        buffer,
        {"type": "record", "name": "message", "fields": fields},
        [{"a": {"device.id": "s1"}, "at": AT, "t": "4.5"}],
    )
    found = read(source(plain("avro", FIELDS.replace('"s"', '"a.device.id"'))), buffer.getvalue(), "m.avro")
    assert [sensor for _, _, sensor, *_ in found.valid] == ["s1"]


@pytest.mark.parametrize(
    ("pattern", "given", "utc"),
    [
        ("%Y-%m-%d %H", "2026-01-24 18", "18:00"),
        ("%Y-%m-%d %H", "2026-01-24 8", "08:00"),
        ("%d/%m/%Y %I %p", "24/01/2026 6 PM", "18:00"),
        ("%Y-%m-%dT%H%z", "2026-01-24T19+0100", "18:00"),
        ("%Y %j %H%M", "2026 24 1830", "18:30"),
        ("%Y-%m-%d %T", "2026-01-24 18:30:00", "18:30"),
    ],
)
def test_an_hour_alone_is_its_first_minute(pattern: str, given: str, utc: str) -> None:
    fields = FIELDS.replace('column = "at"', f'column = "at", format = "{pattern}"')
    found = read(source(plain("hours", fields)), f"s,at,t\ns1,{given},4.5\n", "h.csv")
    assert [f"{time:%H:%M}" for *_, time, _ in found.valid] == [utc], found


def test_an_hour_alone_with_more_behind_it_is_no_time() -> None:
    fields = FIELDS.replace('column = "at"', 'column = "at", format = "%Y-%m-%d %H"')
    found = read(source(plain("hours", fields)), "s,at,t\ns1,2026-01-24 18:30,4.5\n", "h.csv")
    assert [reason for _, reason, _ in found.rejected] == ["unreadable time"]


@pytest.mark.parametrize(
    ("pattern", "given", "utc"),
    [
        ("%Y %j %H%M", "2026 24 105", "2026-01-24T01:05:00"),
        ("%Y %j %H%M", "2026 24 1830", "2026-01-24T18:30:00"),
        ("%Y %j %H%M", "2026 24 5", "2026-01-24T00:05:00"),
        ("%Y %j %H%M", "2026 1830", None),
        ("%Y%m%d %H%M%S", "20260124 13005", "2026-01-24T01:30:05"),
        ("%Y%m%d %H%M%S%.f", "20260124 13005.5", "2026-01-24T01:30:05.500000"),
        ("%d%m%y,%H%M", "10126,930", "2026-01-01T09:30:00"),
        ("%d%b%Y %I%M %p", "4Jan2026 105 PM", "2026-01-04T13:05:00"),
        ("%H%M%S%3f %d.%m.%Y", "13005123 4.1.2026", "2026-01-04T01:30:05.123000"),
        ("%Y%m%d %H:%M", "2026111 18:30", None),
        ("%Y%m%d%H%M%z", "202601241830+0000", "2026-01-24T18:30:00"),
    ],
)
def test_zeros_that_numbers_side_by_side_have_lost_are_put_back_and_nothing_is_guessed(
    pattern: str, given: str, utc: str | None
) -> None:
    """A logger's 105 of hour and minute was read as 10:05."""
    fields = f"""tenant_id = {{ value = "troy" }}\nsensor_id = {{ value = "s" }}
recorded_at = {{ column = "at", format = "{pattern}" }}\ntemperature = {{ column = "t" }}"""
    found = read(source(f'name = "x"\nmatch = "*"\ndelimiter = ";"\n{fields}'), f"at;t\n{given};4.5\n", "x.csv")
    assert [at.isoformat() for _, _, _, at, _ in found.valid] == ([f"{utc}+00:00"] if utc else [])


@pytest.mark.parametrize(("code", "given"), [("CEL", 4.5), ("FAH", 40.1), ("KEL", 277.65)])
def test_codes_of_units_in_trade_are_units(code: str, given: float) -> None:
    fields = FIELDS.replace('column = "t"', 'column = "t", unit_column = "uom"')
    found = read(source(plain("codes", fields)), f"s,at,t,uom\ns1,{AT},{given},{code}\n", "u.csv")
    assert [degrees for *_, degrees in found.valid] == [4.5]


TOPICS = ["site/f1/temperature", " site/f2/temperature", "site/f1/humidity", "", None]


def by_topic(where: str) -> Source:
    return source(plain("topics", FIELDS.replace('"s"', '"topic"')) + f"where = {{ {where} }}\n")


@pytest.mark.parametrize("file_format", ["csv", "ndjson", "parquet"])
def test_rows_are_chosen_by_a_pattern_of_what_a_column_says(file_format: str) -> None:
    import pyarrow as pa  # noqa: PLC0415

    rows = [{"topic": topic, "at": AT, "t": "4.5"} for topic in TOPICS]
    content: bytes | str
    if file_format == "parquet":
        content = as_parquet(**{name: pa.array([row[name] for row in rows]) for name in rows[0]})
    elif file_format == "ndjson":
        content = "\n".join(map(json.dumps, rows))
    else:
        content = "\n".join(["topic,at,t", *(f"{row['topic'] or ''},{AT},4.5" for row in rows)])
    found = read(by_topic('topic = { pattern = "/temperature$" }'), content, f"t.{file_format}")
    assert [sensor for _, _, sensor, *_ in found.valid] == ["site/f1/temperature", "site/f2/temperature"]
    assert {reason for _, reason, _ in found.rejected} == {"a row of another measure"}
    assert len(found.rejected) == len(TOPICS) - 2
    other = read(by_topic('topic = { pattern = "/temperature$" }, t = "5"'), content, f"t.{file_format}")
    assert not other.valid


def test_a_source_without_a_pattern_of_rows_is_the_definition_that_it_was() -> None:
    assert "where_like" not in by_topic('topic = "a"').definition
    assert by_topic('topic = { pattern = "a" }').sha256 != by_topic('topic = "a"').sha256


@pytest.mark.parametrize("where", ["4.5", '""', "[]", "[4.5]", "{}", '{ pattern = "a", other = 1 }', "{ pattern = 1 }"])
def test_what_no_row_can_say_is_refused_with_what_it_may_be(where: str) -> None:
    with pytest.raises(SourcesError, match=r"line \d+: source 1: where.topic is a text, .* or \{ pattern = "):
        by_topic(f"topic = {where}")


def test_a_pattern_of_rows_that_is_none_is_refused_by_key_and_line() -> None:
    with pytest.raises(SourcesError, match=r"source 1: where\.topic is not a regular expression"):
        by_topic('topic = { pattern = "(" }')


def test_a_row_without_a_temperature_lacks_that_also_where_its_time_cannot_be_read() -> None:
    found = read(source(plain("time")), f"s,at,t\ns1,soon,\ns1,,\ns1,{AT},\n", "m.csv")
    assert [reason for _, reason, _ in found.rejected] == [
        "missing temperature_c",
        "missing recorded_at",
        "missing temperature_c",
    ]


def test_a_value_whose_key_says_its_type_is_read_whatever_the_key() -> None:
    row = [{"dev": "s1", "at": AT, "t": {key: 4.5}} for key in ("doubleValue", "integerValue")]
    fields = FIELDS.replace('"s"', '"../../dev"').replace('"at"', '"../../at"').replace('"t"', '"value"')
    found = read(source(plain("typed", fields, records="rows.t.*")), json.dumps({"rows": row}), "t.json")
    assert [(sensor, degrees) for _, _, sensor, _, degrees in found.valid] == [("s1", 4.5)] * 2
