"""What a source makes of the files of a gateway: laws of every format, unit and time."""

from __future__ import annotations

import gzip
import json
import tempfile
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import fastavro
import polars as pl
import pyarrow as pa
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.ingest.landing.landing_errors import UnreadableFileError
from fridge_pipeline.ingest.landing.private_copy import take_snapshot
from fridge_pipeline.ingest.landing.source_rows import source_batches
from fridge_pipeline.ingest.rules.reading import judge, rejected_rows, valid_readings
from fridge_pipeline.ingest.sources_file import SourcesError, read_sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from fridge_pipeline.ingest.rules.source import Source

HOUR = Hour.from_key("2026-01-24-18:00")


class Outcome(NamedTuple):
    """``valid``: line, tenant, sensor, time, degrees; ``rejected``: line, reason, what the row said."""

    valid: list[tuple[int, str, str, datetime, float]]
    rejected: list[tuple[int, str, str]]
    error: str | None


def source(text: str) -> Source:
    (only,) = read_sources("[[source]]\n" + text)
    return only


def read(definition: Source, content: bytes | str, path: str, hour: Hour = HOUR, batch_rows: int = 1_000) -> Outcome:
    delivered = content.encode() if isinstance(content, str) else content
    outcome = Outcome([], [], None)
    with (
        tempfile.TemporaryDirectory() as folder,
        take_snapshot(BytesIO(delivered), Path(folder), None, by_content=True) as snapshot,
    ):
        try:
            for rows in source_batches(snapshot, definition, path, batch_rows):
                judged = judge(rows, hour)
                outcome.valid.extend(valid_readings(judged).iter_rows())
                outcome.rejected.extend(rejected_rows(judged).select("line", "reason", "raw").iter_rows())
        except UnreadableFileError as error:
            return outcome._replace(error=str(error))
    return outcome


PLAIN = """
name = "loggers"
match = "*"
tenant_id = { column = "customer.id" }
sensor_id = { column = "device" }
recorded_at = { column = "ts", format = "epoch_ms" }
temperature = { column = "payload.t", unit = "fahrenheit", scale = 0.1, missing = [-9990] }
"""
TIME = 1_769_279_400_000  # 2026-01-24 18:30 UTC
VALUES: list[tuple[str | None, str, int, float | str | None]] = [
    ("troy", "s1", TIME, 393.8),
    ("troy", "s2", TIME, -9990.0),
    ("troy", "s3", TIME, None),
    (None, "s4", TIME, 393.8),
    ("troy", "s5", TIME + 86_400_000, 393.8),
]


def as_objects() -> list[dict[str, object]]:
    return [
        {"customer": {"id": tenant}, "device": sensor, "ts": time, "payload": {"t": value, "rssi": -70}}
        for tenant, sensor, time, value in VALUES
    ]


def as_csv() -> bytes:
    lines = [",".join("" if value is None else str(value) for value in row) for row in VALUES]
    return "\n".join(["customer.id,device,ts,payload.t", *lines]).encode()


def as_parquet() -> bytes:
    buffer = BytesIO()
    pl.DataFrame(as_objects()).write_parquet(buffer)
    return buffer.getvalue()


def as_avro(codec: str = "null") -> bytes:
    customer = {"type": "record", "name": "c", "fields": [{"name": "id", "type": ["null", "string"]}]}
    payload = [{"name": "t", "type": ["null", "double"]}, {"name": "rssi", "type": "long"}]
    fields = [
        {"name": "customer", "type": customer},
        {"name": "device", "type": "string"},
        {"name": "ts", "type": "long"},
        {"name": "payload", "type": {"type": "record", "name": "p", "fields": payload}},
    ]
    buffer = BytesIO()
    fastavro.writer(buffer, {"type": "record", "name": "r", "fields": fields}, as_objects(), codec=codec)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[], bytes]] = {
    "csv": as_csv,
    "ndjson": lambda: "\n".join(map(json.dumps, as_objects())).encode(),
    "json": lambda: json.dumps(as_objects(), indent=1).encode(),
    "parquet": as_parquet,
    "avro": as_avro,
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": lambda plain: pa.compress(plain, codec="zstd", asbytes=True),
}

#: As pzstd writes them (RFC 8878, 3.1.2): each frame behind one to be skipped, which has its length.
SKIPPED = b"\x50\x2a\x4d\x18\x04\0\0\0"


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("content", FORMATS)
def test_every_format_and_packing_gives_the_same_readings_and_the_same_reasons(content: str, packed: str) -> None:
    found = read(source(PLAIN), PACKED[packed](FORMATS[content]()), f"readings.{content}{packed}")
    assert found.error is None
    assert [(tenant, sensor, degrees) for _, tenant, sensor, _, degrees in found.valid] == [("troy", "s1", 4.1)]
    assert {time.timestamp() for *_, time, _ in found.valid} == {TIME / 1_000}
    assert [reason for _, reason, _ in found.rejected] == [
        "no measurement",
        "missing temperature_c",
        "missing tenant_id",
        "time too late for the landing hour",
    ]
    assert ["s2" in raw for _, _, raw in found.rejected] == [True, False, False, False]


@pytest.mark.parametrize("named", ["readings.csv", "readings.csv.gz", "readings.csv.zst"])
@pytest.mark.parametrize("packed", PACKED)
def test_how_a_file_is_packed_is_seen_by_its_bytes_and_not_by_its_name(named: str, packed: str) -> None:
    assert len(read(source(PLAIN), PACKED[packed](as_csv()), named).valid) == 1


def test_zstd_frames_behind_others_that_are_to_be_skipped_are_read() -> None:
    plain = as_csv()
    halves = [pa.compress(half, codec="zstd", asbytes=True) for half in (plain[:40], plain[40:])]
    packed = b"".join(SKIPPED + len(half).to_bytes(4, "little") + half for half in halves)
    assert read(source(PLAIN), packed, "readings.csv.zst").valid == read(source(PLAIN), plain, "readings.csv").valid


@pytest.mark.parametrize("packed", [".gz", ".zst"])
def test_of_a_packed_file_that_is_cut_off_what_came_before_is_read_and_the_damage_is_told(packed: str) -> None:
    rows = [f"troy,s{number},{TIME},393.8" for number in range(100_000)]
    whole = PACKED[packed]("\n".join(["customer.id,device,ts,payload.t", *rows]).encode())
    found = read(source(PLAIN), whole[: len(whole) // 2], "readings.csv")
    assert 1_000 < len(found.valid) < 100_000
    assert found.error is not None
    assert packed[1:3] in found.error


def test_a_file_whose_compression_is_damaged_before_its_first_row_says_so() -> None:
    packed = pa.compress(as_csv(), codec="zstd", asbytes=True) + b"rubbish!"
    assert (read(source(PLAIN), packed, "a.csv").error or "").startswith("damaged zstd after 0 plain bytes")


def test_a_csv_file_may_have_a_preamble_a_header_of_its_own_any_delimiter_and_a_decimal_comma() -> None:
    definition = """
name = "logger"
match = "*.csv"
delimiter = ";"
skip_lines = 3
decimal = ","
tenant_id = { value = "troy" }
sensor_id = { column = "Serial" }
recorded_at = { column = "Time", format = "%d.%m.%Y %H:%M", timezone = "Europe/Paris" }
temperature = { column = "°C" }
"""
    preamble = 'Logger 7;"model; ""x"""\n\nexported;24.01.2026\n'
    rows = '24.01.2026 19:30;A-1;"4,5"\n24.01.2026 19:31;A-1;\n24.01.2026 19:32;A-1\n'
    found = read(source(definition), f"{preamble}Time;Serial;°C\n{rows}", "a.csv")
    assert [
        (line, tenant, sensor, f"{time:%H:%M}", degrees) for line, tenant, sensor, time, degrees in found.valid
    ] == [(5, "troy", "A-1", "18:30", 4.5)]
    assert [(line, reason) for line, reason, _ in found.rejected] == [
        (6, "missing temperature_c"),
        (7, "wrong number of fields"),
    ]
    headless = definition + 'header = ["Time", "Serial", "°C"]\n'
    assert [line for line, *_ in read(source(headless), preamble + rows, "a.csv").valid] == [4]


def test_each_measured_column_of_a_wide_row_is_a_reading_and_a_row_without_any_is_told() -> None:
    definition = """
name = "rack"
match = "*"
tenant_id = { path = "^(?P<tenant_id>[^/]+)/" }
recorded_at = { column = "time" }
temperature = { missing = [85] }
wide = { columns = "^T[0-9]+$" }
"""
    text = "time,T1,door,T2\n2026-01-24T18:30:00Z,4.5,1,85\n2026-01-24T18:31:00Z,,1,x\n2026-01-24T18:32:00Z,,1,\n"
    found = read(source(definition), text, "troy/rack.csv")
    assert [(line, tenant, sensor, degrees) for line, tenant, sensor, _, degrees in found.valid] == [
        (2, "troy", "T1", 4.5)
    ]
    assert [(line, reason) for line, reason, _ in found.rejected] == [
        (2, "no measurement"),
        (3, "unreadable temperature"),
        (4, "no measurement"),
    ]
    objects = [{"time": "2026-01-24T18:30:00Z", "T1": 4.5}, {"time": "2026-01-24T18:31:00Z", "T2": 5, "T3": 6.5}]
    found = read(source(definition), "\n".join(map(json.dumps, objects)), "troy/rack.ndjson")
    assert [(sensor, degrees) for _, _, sensor, _, degrees in found.valid] == [("T1", 4.5), ("T2", 5.0), ("T3", 6.5)]


def test_the_records_of_a_json_document_are_found_where_the_source_says() -> None:
    wrapped = {"meta": {"items": [1]}, "data": {"count": 5, "items": as_objects()}, "next": None}
    definition = source(PLAIN + 'records = "data.items"\n')
    assert len(read(definition, json.dumps(wrapped), "a.json").valid) == 1
    assert (
        read(definition, json.dumps({"data": {}}), "a.json").error
        == "it has no data.items; beside where it would be there are no keys"
    )
    in_a_row = "".join(map(json.dumps, as_objects()))
    assert len(read(source(PLAIN), in_a_row, "a.json").rejected) == 4
    cut_off = read(source(PLAIN), json.dumps(as_objects())[:-30], "a.json")
    assert (len(cut_off.valid), len(cut_off.rejected)) == (1, 3)
    assert cut_off.error is not None


#: How JSON may hold the same objects: what is written, and what its source says of it.
DOCUMENTS: dict[str, tuple[Callable[[list[dict[str, object]]], object], str]] = {
    "an array": (lambda rows: rows, ""),
    "an array in an object": (
        lambda rows: {"n": [1], "items": rows, "next": {"]": "}"}},
        'records = "items"',
    ),
    "an array deeper": (lambda rows: {"a": {"b": rows, "c": 1}, "d": [[]]}, 'records = "a.b"'),
    "an array in an array": (lambda rows: [{"items": rows[:1]}, {"items": rows[1:]}], 'records = "items"'),
    "under keys": (lambda rows: {str(at): row for at, row in enumerate(rows)}, 'records = "*"'),
}


@pytest.mark.parametrize("between", ["", "\n", " ,\r\n"], ids=["nothing", "a line", "a comma"])
@pytest.mark.parametrize("form", sorted(DOCUMENTS))
def test_of_documents_one_behind_the_other_every_row_of_each_is_read(form: str, between: str) -> None:
    made, said = DOCUMENTS[form]
    definition = source(PLAIN + said + "\n")
    parts = [as_objects()[:3], as_objects()[3:], as_objects()]
    texts = [json.dumps(made(part)) for part in parts]
    each = [read(definition, text, "a.json") for text in texts]
    together = read(definition, between.join(texts), "a.json")
    assert together.error is None
    assert [row[1:] for row in together.valid] == [row[1:] for one in each for row in one.valid]
    assert [row[1:] for row in together.rejected] == [row[1:] for one in each for row in one.rejected]
    assert len(together.valid) + len(together.rejected) == 10

    for odd in ("rubbish", '{"state": "done"}', texts[0][: len(texts[0]) // 2], "[", '"'):
        behind = read(definition, texts[0] + between + odd, "a.json")
        assert [row[1:] for row in behind.valid][: len(each[0].valid)] == [row[1:] for row in each[0].valid]
        assert behind.error or len(behind.rejected) > len(each[0].rejected), f"nothing tells of {odd}"


def test_a_document_that_ends_within_the_objects_around_its_records_is_damaged() -> None:
    text = json.dumps({"items": as_objects(), "count": 5})
    found = read(source(PLAIN + 'records = "items"\n'), text[:-3], "a.json")
    assert (len(found.valid), len(found.rejected)) == (1, 4)
    assert found.error is not None
    assert "it ends within" in found.error


def test_a_body_of_avro_that_holds_json_is_walked_into() -> None:
    fields = [{"name": "SequenceNumber", "type": "long"}, {"name": "Body", "type": ["null", "bytes"]}]
    records = [{"SequenceNumber": at, "Body": json.dumps(each).encode()} for at, each in enumerate(as_objects())]
    buffer = BytesIO()
    fastavro.writer(buffer, {"type": "record", "name": "EventData", "fields": fields}, records, codec="deflate")
    definition = PLAIN
    for column in ("customer.id", "device", "ts", "payload.t"):
        definition = definition.replace(f'column = "{column}"', f'column = "Body.{column}"')
    found = read(source(definition), buffer.getvalue(), "00.avro")
    assert (len(found.valid), len(found.rejected), found.error) == (1, 4, None)


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_an_avro_file_cut_off_anywhere_never_breaks_the_load(codec: str) -> None:
    whole = as_avro(codec)
    for size in range(0, len(whole), 7):
        assert read(source(PLAIN), whole[:size], "a.avro").error is not None


@pytest.mark.parametrize(
    ("ambiguous", "instant"),
    [("", None), ('ambiguous = "earliest"', "00:30"), ('ambiguous = "latest"', "01:30")],
)
def test_a_local_time_of_a_clock_change_is_an_instant_only_where_the_source_says_which(
    ambiguous: str, instant: str | None
) -> None:
    zone = f'timezone = "Europe/Paris"{", " if ambiguous else ""}{ambiguous}'
    for form, text in (("iso", "2026-10-25 02:30:00"), ("%d.%m.%Y %H:%M", "25.10.2026 02:30")):
        definition = source(f"""
name = "local"
match = "*"
tenant_id = {{ value = "troy" }}
sensor_id = {{ value = "s1" }}
recorded_at = {{ column = "t", format = "{form}", {zone} }}
temperature = {{ column = "v" }}
""")
        found = read(definition, f"t,v\n{text},4\n", "a.csv", Hour.from_key("2026-10-25-01:00"))
        if instant is None:
            assert [reason for _, reason, _ in found.rejected] == ["local time that a clock change repeats"]
        else:
            assert [f"{time:%H:%M}" for *_, time, _ in found.valid] == [instant]
        spring = text.replace("10", "03", 1).replace("25", "29", 1) if form == "iso" else "29.03.2026 02:30"
        skipped = read(definition, f"t,v\n{spring},4\n", "a.csv", Hour.from_key("2026-10-25-01:00"))
        assert [reason for _, reason, _ in skipped.rejected] == ["local time that a clock change skips"]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("%d/%m/%Y %H:%M %Z", "name of a zone"),
        ("%d/%m/%Y %I:%M", "meridiem"),
        ("%d/%m/%Y", "year, month, day and hour"),
    ],
)
def test_a_pattern_that_would_read_another_time_than_was_written_is_refused(form: str, told: str) -> None:
    with pytest.raises(SourcesError, match=told):
        source(PLAIN.replace("epoch_ms", form))


def test_a_file_without_the_columns_of_its_source_is_unreadable_and_says_which_are_missing() -> None:
    for content, text in (("csv", "device,x\ns1,1\n"), ("ndjson", '{"device":"s1","x":1}\n')):
        found = read(source(PLAIN), text, f"a.{content}")
        assert found.error is not None
        assert "customer.id" in found.error
        assert "payload.t" in found.error
        assert (found.valid, found.rejected) == ([], [])
