"""What gateways deliver that nobody here had seen: each of these was read wrongly, or refused, or lost in silence."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from io import BytesIO
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fridge_pipeline.ingest.sources_file import SourcesError
from tests.ingest.landing.test_sources import read, source

AT = "2026-01-24T18:30:00Z"
SECONDS = 1_769_279_400  # the same

FIELDS = """
tenant_id = { value = "troy" }
sensor_id = { column = "s" }
recorded_at = { column = "at" }
temperature = { column = "t" }
"""


def plain(name: str, fields: str = FIELDS, **keys: object) -> str:
    """A source of files of any name; TOML writes these keys as JSON does."""
    given = "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
    return f'name = "{name}"\nmatch = "*"\n{given}\n{fields}'


def as_parquet(**columns: pa.Array) -> bytes:
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def as_avro(schema: dict[str, Any], *records: object) -> bytes:
    buffer = BytesIO()
    fastavro.writer(buffer, schema, records)
    return buffer.getvalue()


#: A gateway's message with its readings, or, where it has none, a sign of life.
MESSAGE: dict[str, Any] = {
    "type": "record",
    "name": "message",
    "fields": [
        {
            "name": "readings",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "reading",
                    "fields": [{"name": name, "type": "string"} for name in ("s", "at", "t")],
                },
            },
        }
    ],
}


@pytest.mark.parametrize("file_format", ["avro", "ndjson", "json"])
def test_messages_without_a_reading_say_nothing_of_the_columns_that_readings_have(file_format: str) -> None:
    empty: dict[str, Any] = {"readings": []}
    full = {"readings": [{"s": "s1", "at": AT, "t": "4.5"}]}
    definition = source(plain("messages", records="readings"))
    for messages, valid in (([empty], 0), ([empty, full], 1)):
        text = "\n".join(map(json.dumps, messages))
        content = as_avro(MESSAGE, *messages) if file_format == "avro" else text
        found = read(definition, content, f"m.{file_format}")
        assert (found.error, len(found.valid)) == (None, valid)
        assert [reason for _, reason, _ in found.rejected] in ([], ["no measurement"])


def test_records_are_looked_for_whether_a_source_says_its_format_or_a_name_does() -> None:
    message = json.dumps({"readings": [{"s": f"s{number}", "at": AT, "t": 4.5} for number in range(3)]})
    by_name, said = plain("by-name", records="readings"), plain("said", records="readings", format="ndjson")
    outcomes = [read(source(definition), message, "m.ndjson") for definition in (by_name, said)]
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0].valid) == 3


@pytest.mark.parametrize("file_format", ["json", "ndjson"])
def test_json_within_a_record_is_named_from_the_record_or_from_the_whole_object(file_format: str) -> None:
    payload = json.dumps({"s": "s1", "at": AT, "t": 4.5})
    message = json.dumps({"Records": [{"data": payload}, {"data": payload.replace("s1", "s2")}]})
    fields = FIELDS.replace('"s"', '"data.s"').replace('"at"', '"data.at"').replace('"t"', '"data.t"')
    for place in ("data", "Records.data"):
        definition = source(plain("kinesis", fields, records="Records", embedded=[place], format=file_format))
        assert [sensor for _, _, sensor, *_ in read(definition, message, "k").valid] == ["s1", "s2"], place


def test_a_key_with_dots_is_found_within_embedded_json_as_it_is_outside() -> None:
    definition = source(plain("flat", FIELDS.replace('"t"', '"p.probe.t"'), embedded=["p"]))
    for payload in ({"probe.t": 4.5}, {"probe": {"t": 4.5}}):
        message = json.dumps({"s": "s1", "at": AT, "p": json.dumps(payload)})
        assert [degrees for *_, degrees in read(definition, message, "f.ndjson").valid] == [4.5]


@pytest.mark.parametrize("file_format", ["csv", "json", "parquet"])
def test_which_rows_are_good_may_be_said_by_a_yes_and_no_or_a_whole_number_in_every_format(file_format: str) -> None:
    flags, ones = [True, False, True], [1.0, 1.0, 2.0]
    rows = [
        {"s": f"s{place}", "at": AT, "t": 4.5, "ok": flag, "ch": one}
        for place, (flag, one) in enumerate(zip(flags, ones, strict=True))
    ]
    content: bytes | str
    if file_format == "parquet":
        content = as_parquet(**{name: pa.array([row[name] for row in rows]) for name in rows[0]})
    elif file_format == "json":
        content = json.dumps(rows)
    else:
        content = "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())).lower() for row in rows)])
    for condition, sensors in (("ok = true", ["s0", "s2"]), ("ch = 1", ["s0", "s1"]), ('ch = "1.0"', ["s0", "s1"])):
        definition = source(plain("flags") + f"where = {{ {condition} }}\n")
        assert [sensor for _, _, sensor, *_ in read(definition, content, f"f.{file_format}").valid] == sensors
    shouted = f"s,at,t,ok\ns1,{AT},4.5,TRUE\ns2,{AT},4.5,True\ns3,{AT},4.5,False\ns4,{AT},4.5,yes\n"
    found = read(source(plain("flags") + "where = { ok = true }\n"), shouted, "f.csv")
    assert [sensor for _, _, sensor, *_ in found.valid] == ["s1", "s2"]
    as_degrees = read(
        source(plain("flags", FIELDS.replace('"t"', '"ok"'))), as_parquet(ok=pa.array(flags)), "f.parquet"
    )
    assert as_degrees.error is not None


def test_a_sentinel_is_recognized_in_a_file_that_keeps_its_numbers_in_32_bits() -> None:
    """-99.9 is -99.9000015 there, within the range of temperatures: it would be a reading, and billed."""
    definition = source(
        plain("floats", FIELDS.replace('"t" }', '"t", missing = [-99.9] }'))
        + 'numbers.kwh = { column = "e", type = "decimal", missing = [-0.1] }\n'
    )
    stored = {"t": pa.array([-99.9, 4.5], pa.float32()), "e": pa.array([2.5, -0.1], pa.float32())}
    content = as_parquet(s=pa.array(["s1", "s2"]), at=pa.array([AT, AT]), **stored)
    found = read(definition, content, "f.parquet")
    rows: list[tuple[Any, ...]] = [*found.valid]
    assert [(row[2], *row[4:]) for row in rows] == [("s2", 4.5, None)]
    assert [reason for _, reason, _ in found.rejected] == ["no measurement"]
    types = {"s": "string", "at": "string", "t": "float", "e": "float"}
    schema = {"type": "record", "name": "r", "fields": [{"name": name, "type": each} for name, each in types.items()]}
    records = [{"s": "s1", "at": AT, "t": -99.9, "e": 2.5}, {"s": "s2", "at": AT, "t": 4.5, "e": -0.1}]
    outcome = read(definition, as_avro(schema, *records), "f.avro")
    rows = [*outcome.valid]
    assert [(row[2], *row[4:]) for row in rows] == [("s2", 4.5, None)]


def test_nan_that_stands_for_nothing_measured_is_no_measurement_as_it_is_of_numbers_beside_it() -> None:
    definition = source(
        plain(
            "pandas",
            'tenant_id = { value = "troy" }\nrecorded_at = { column = "at" }\ntemperature = { missing = ["NaN"] }\n'
            'wide = { columns = "^T" }\n',
        )
    )
    content = as_parquet(at=pa.array([AT]), T1=pa.array([4.5]), T2=pa.array([float("nan")]))
    found = read(definition, content, "p.parquet")
    assert [sensor for _, _, sensor, *_ in found.valid] == ["T1"]
    assert [reason for _, reason, _ in found.rejected] == ["no measurement"]


def test_a_decimal_comma_may_stand_in_quotes_between_commas() -> None:
    definition = source(plain("quoted", decimal=","))
    content = f'"s","at","t"\n"s1","{AT}","4,5"\n"s2","{AT}","-12,25"\n"s3","{AT}",4,5\n'
    found = read(definition, content, "q.csv")
    assert [degrees for *_, degrees in found.valid] == [4.5, -12.25]
    assert [reason for _, reason, _ in found.rejected] == ["wrong number of fields"]


@pytest.mark.parametrize(
    ("text", "unit", "degrees"),
    [
        ("\N{MINUS SIGN}4,5", "celsius", -4.5),
        ("+4,5", "celsius", 4.5),
        ("4,5\N{NO-BREAK SPACE}\N{DEGREE CELSIUS}", "celsius", 4.5),
        ("39,2 \N{DEGREE FAHRENHEIT}", "fahrenheit", 4.0),
        ("39,2 \N{DEGREE FAHRENHEIT}", "celsius", None),
        ("39,2 degF", "fahrenheit", 4.0),
        ("39,2 degF", "celsius", None),
        ("4,5 deg C", "celsius", 4.5),
    ],
)
def test_numbers_are_read_with_the_minus_and_the_units_that_programs_of_other_languages_write(
    text: str, unit: str, degrees: float | None
) -> None:
    fields = FIELDS.replace('"t" }', f'"t", unit = "{unit}" }}')
    found = read(source(plain("nordic", fields, delimiter=";", decimal=",")), f"s;at;t\ns1;{AT};{text}\n", "n.csv")
    assert [each for *_, each in found.valid] == ([] if degrees is None else [degrees])


WIDE = """
tenant_id = { value = "troy" }
recorded_at = { column = "at" }
wide = { columns = "^T[0-9]$" }
"""


def test_columns_of_the_same_names_in_several_loggers_are_sensors_of_their_own_where_the_logger_is_said() -> None:
    """Without it T1 of two loggers is one sensor, and of two readings at one time only one counts."""
    by_row = source(plain("racks", WIDE) + 'sensor_id = { column = "logger" }\n')
    content = f"at,logger,T1,T2\n{AT},L1,4.5,-18\n{AT}, L2 ,5.5,\n{AT},,6.5,7\n"
    found = read(by_row, content, "racks.csv")
    assert [(sensor, degrees) for _, _, sensor, _, degrees in found.valid] == [
        ("L1-T1", 4.5),
        ("L1-T2", -18.0),
        ("L2-T1", 5.5),
    ]
    assert [reason for _, reason, _ in found.rejected] == ["missing sensor_id"] * 2
    by_file = source(plain("racks", WIDE) + 'sensor_id = { path = "(?P<sensor_id>rack-[0-9]+)" }\n')
    for path in ("rack-1.csv", "rack-2.csv"):
        names = {sensor for _, _, sensor, *_ in read(by_file, content, path).valid}
        assert names == {f"{path[:6]}-T1", f"{path[:6]}-T2"}


@pytest.mark.parametrize("content", ['[\n {"s": 1,\n "t": 4}\n]', '{\n "s": "s1"\n}', '[{"s": "s1"}, {"s": "s2"}]'])
def test_a_document_that_is_named_as_lines_is_told_how_to_be_read(content: str) -> None:
    error = read(source(plain("lines")), content, "d.ndjson").error
    assert error is not None
    assert error.endswith('or read the whole by a source with format = "json"')
    other = read(source(plain("lines")), "a log\nof something\n", "d.ndjson").error
    assert other is not None
    assert "json" not in other


def in_base64(value: object, *, for_addresses: bool) -> str:
    text = json.dumps(value).encode()
    return b64encode(text).decode() if not for_addresses else urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize("for_addresses", [False, True])
@pytest.mark.parametrize("is_record", [False, True])
def test_base64_of_json_is_read_in_either_alphabet_and_without_its_end(for_addresses: bool, is_record: bool) -> None:  # noqa: FBT001
    messages = [
        {"s": f"s{size}", "at": AT, "data": in_base64({"t": 4.5, "x": "?>~" * size}, for_addresses=for_addresses)}
        for size in range(1, 5)
    ]
    fields = FIELDS.replace('"t"', '"data.t"')
    records = {"records": "all"} if is_record else {}
    lines = [{"all": [message]} for message in messages] if is_record else messages
    content = "\n".join(map(json.dumps, lines))
    assert not for_addresses or {"-", "_"} & {*content}
    found = read(source(plain("coded", fields, embedded=["data"], **records)), content, "c.ndjson")
    assert [sensor for _, _, sensor, *_ in found.valid] == ["s1", "s2", "s3", "s4"]


@pytest.mark.parametrize("file_format", ["ndjson", "csv"])
def test_json_may_lie_within_json_within_a_text_whatever_the_order_that_says_so(file_format: str) -> None:
    body = json.dumps({"Message": json.dumps({"t": 4.5}), "id": 1})
    row = {"s": "s1", "at": AT, "Body": body}
    quoted = body.replace('"', '""')
    content = json.dumps(row) if file_format == "ndjson" else f's,at,Body\ns1,{AT},"{quoted}"\n'
    fields = FIELDS.replace('"t"', '"Body.Message.t"')
    for embedded in (["Body", "Body.Message"], ["Body.Message", "Body", "other.place"]):
        found = read(source(plain("queue", fields, embedded=embedded)), content, f"q.{file_format}")
        assert [degrees for *_, degrees in found.valid] == [4.5]


#: Rows of a message's payload as JSON, and the sensor and degrees that each is, or why it is none.
PAYLOADS = {
    '{"s": 89882390000012345671, "t": 4.5}': ("89882390000012345671", 4.5),
    '{"s": 89882390000012345672, "t": 4.5}': ("89882390000012345672", 4.5),
    '{"s": 7.0, "t": 4.5}': ("7.0", 4.5),
    '{"s": 1e3, "t": 4.50}': ("1e3", 4.5),
    '{"s": "first", "s": "second", "t": 4.5}': ("first", 4.5),
    '{"s": "beside", "t": 4.5, "other": NaN}': ("beside", 4.5),
    '{"s": "s1", "t": NaN}': "temperature not finite",
    '{"s": {"id": 1}, "t": 4.5}': "id is neither text nor a number",
    '{"s": true, "t": 4.5}': "id is neither text nor a number",
    '{"s": "s1", "t": 4.5': "missing sensor_id",
    "null": "missing sensor_id",
}


@pytest.mark.parametrize("way", ["plain", "as a record", "csv"])
def test_json_within_a_text_is_read_as_json_is_elsewhere(way: str) -> None:
    """With ids as they are written: of two numbers of a SIM card that differ in the last digit each is a sensor."""
    lines = [json.dumps({"at": AT, "p": payload}) for payload in PAYLOADS]
    fields = FIELDS.replace('"s"', '"p.s"').replace('"t"', '"p.t"')
    if way == "csv":
        lines = ["at,p", *('{},"{}"'.format(AT, payload.replace('"', '""')) for payload in PAYLOADS)]
    if way == "as a record":
        fields = FIELDS.replace('"at"', '"/at"')
    records = {"records": "p"} if way == "as a record" else {}
    definition = source(plain("texts", fields, embedded=["p"], **records))
    found = read(definition, "\n".join(lines), "t.csv" if way == "csv" else "t.ndjson")
    outcomes = {line: (sensor, degrees) for line, _, sensor, _, degrees in found.valid}
    outcomes_of_all = outcomes | {line: reason for line, reason, _ in found.rejected}
    assert [outcomes_of_all[line] for line in sorted(outcomes_of_all)] == [*PAYLOADS.values()]


@pytest.mark.parametrize("is_coded", [False, True])
def test_columns_by_sensor_are_found_in_a_record_that_lies_within_a_text(is_coded: bool) -> None:  # noqa: FBT001
    payload = {"T1": 4.5, "T2": 5, "door": 1}
    text = in_base64(payload, for_addresses=False) if is_coded else json.dumps(payload)
    content = json.dumps({"gw": "g1", "at": AT, "payload": text})
    fields = WIDE.replace('"at"', '"/at"') + 'sensor_id = { column = "/gw" }\n'
    found = read(source(plain("wide", fields, records="payload", embedded=["payload"])), content, "w.ndjson")
    assert [(sensor, degrees) for _, _, sensor, _, degrees in found.valid] == [("g1-T1", 4.5), ("g1-T2", 5.0)]


def test_a_time_of_older_json_is_a_number_in_words() -> None:
    fields = FIELDS.replace('"at" }', '"at", format = "epoch_ms" }')
    content = json.dumps({"s": "s1", "at": f"/Date({SECONDS * 1000})/", "t": 4.5})
    ((_, _, _, time, _),) = read(source(plain("dates", fields)), content, "d.ndjson").valid
    assert time.timestamp() == SECONDS


def test_what_a_csv_cannot_be_says_what_it_is_and_what_to_do() -> None:
    definition = source(plain("odd"))
    by_return = read(definition, f"s,at,t\rs1,{AT},4.5\r", "r.csv")
    assert by_return.error is not None
    assert by_return.error.endswith("its lines end in a carriage return alone: have them end in a line feed")
    shouted = read(definition, f"S,at,T\ns1,{AT},4.5\n", "s.csv")
    assert shouted.error is not None
    assert shouted.error.endswith("2 other names of 1 character; s, t stand there in other letters")
    twice = read(definition, f"s,at,t,t\ns1,{AT},4.5,5\n", "t.csv")
    assert twice.error == "2 columns are called t; name one of them differently, or all by header"


@pytest.mark.parametrize("pattern", ["%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%d %H:%M:%S %%%f"])
def test_a_pattern_with_the_nanoseconds_that_are_a_fraction_elsewhere_is_refused(pattern: str) -> None:
    """Half a second would be five nanoseconds, and two readings within a second one."""
    with pytest.raises(SourcesError, match=r"counts nanoseconds by %f; a fraction behind a point is %\.f"):
        source(plain("patterns", FIELDS.replace('"at" }', f'"at", format = "{pattern}" }}')))


def test_a_fraction_of_a_second_is_one_by_the_patterns_that_say_so() -> None:
    for pattern, text in (("%H:%M:%S%.f", "18:30:00.5"), ("%H:%M:%S,%3f", "18:30:00,500")):
        fields = FIELDS.replace('"at" }', f'"at", format = "%Y-%m-%d {pattern}" }}')
        content = f"s;at;t\ns1;2026-01-24 {text};4.5\n"
        ((_, _, _, time, _),) = read(source(plain("fractions", fields, delimiter=";")), content, "f.csv").valid
        assert time.timestamp() == SECONDS + 0.5


def test_a_name_in_the_header_may_have_a_line_end_as_a_cell_may() -> None:
    fields = FIELDS.replace('"t"', '"Temp\\n(°C)"')
    content = f'"s","at","Temp\n(°C)"\n"s1","{AT}","4.5"\n"s2","{AT}","warm"\n'
    found = read(source(plain("wrapped", fields)), content, "w.csv")
    assert [(line, degrees) for line, *_, degrees in found.valid] == [(3, 4.5)]
    assert [line for line, *_ in found.rejected] == [4]
    unclosed = read(source(plain("wrapped")), f's,at,"t\ns1,{AT},4.5\n', "u.csv")
    assert unclosed.error is not None
    assert unclosed.error.startswith("the header line cannot be read: ")
