"""Deliveries of vendors that nobody here has seen, read by sources that docs/sources.md is enough to write."""

from __future__ import annotations

import base64
import io
import json
from datetime import date, time
from uuid import UUID

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fridge_pipeline.ingest.sources_file import SourcesError
from tests.ingest.landing.test_sources import read, source

TROY = 'tenant_id = { value = "troy" }\n'
SEEN = "2026-01-24T18:30:00Z"


SECONDS = 1_769_279_400  # the same moment
PAYLOAD = json.dumps({"dev": {"id": 7}, "t": 4.5})

#: The first six are five degrees; the others are none.
IN_UNITS = (
    *((41, "F"), ("5 °C", "°C"), (278.15, "Kelvin"), (41, "deg F"), (5, "Cel"), (41, "[degF]")),
    *((40, "%RH"), (40, None), (-999, "C")),
)


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def parquet(table: pa.Table) -> bytes:
    body = io.BytesIO()
    pq.write_table(table, body)
    return body.getvalue()


def avro() -> bytes:
    reading = {"type": "record", "name": "m", "fields": [{"name": "c", "type": ["null", "double"]}]}
    fields = [
        {"name": "dev", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "ms", "type": {"type": "array", "items": reading}},
    ]
    body = io.BytesIO()
    row = {"dev": "a", "at": 1_769_279_400_000, "ms": [{"c": 4.5}, {"c": None}]}
    fastavro.writer(body, {"type": "record", "name": "r", "fields": fields}, [row])
    return body.getvalue()


UUID_TEXT = "0b0c1d1e-22a0-4f33-8455-667788990aff"


def avro_bodies() -> bytes:
    fixed = {"type": "fixed", "name": "u", "size": 16, "logicalType": "uuid"}
    fields = [{"name": "id", "type": fixed}, {"name": "Body", "type": "bytes"}]
    bodies = (f"{before}{json.dumps({'at': SEEN, 't': t})}".encode() for before, t in ((" \n", 4.5), ("\ufeff", 5)))
    body = io.BytesIO()
    rows = [{"id": UUID(UUID_TEXT).bytes, "Body": each} for each in bodies]
    fastavro.writer(body, {"type": "record", "name": "r", "fields": fields}, rows)
    return body.getvalue()


#: Name → keys of the source, the file's name and content, its readings, and reasons of the others by line.
DELIVERIES: dict[str, tuple[str, str, bytes | str, list[tuple[str, float]], list[tuple[int, str]]]] = {
    "a preamble, a row of units, a decimal comma, the hour that comes twice": (
        (
            'delimiter = ";"\nskip_lines = 4\ndecimal = ","\nheader = ["t", "K1", "K2"]\nwide = { columns = "^K" }\n'
            'recorded_at = { column = "t", format = "%d.%m.%Y %H:%M", timezone = "Europe/Berlin" }'
        ),
        "klima.csv",
        "\ufeffExport;;\r\n\r\nZeit;K1;K2\r\n;°C;°C\r\n24.01.2026 19:30;4,5;-18\r\n26.10.2025 02:30;4,5;-18\r\n",
        [("K1", 4.5), ("K2", -18)],
        [(6, "local time that a clock change repeats")] * 2,
    ),
    "a date and a time, an id of two columns, a word for nothing, a unit behind the number": (
        (
            'sensor_id = { column = ["site", "probe"] }\n'
            'recorded_at = { column = ["d", "t"], format = "%m/%d/%Y %I:%M %p" }\n'
            'temperature = { column = "v", unit = "fahrenheit", missing = ["OL", -40] }'
        ),
        "log.csv",
        (
            "site,probe,d,t,v\nA,1,01/24/2026,06:30 PM,41 °F\nA,2,01/24/2026,06:30 PM,OL\n"
            "A,3,01/24/2026,06:30 PM,41 °C\n"
            "A,,01/24/2026,06:30 PM,41\nA,5,01/24/2026,,41\nA,6,01/24/2026,06:30 PM,-40F\n"
        ),
        [("A-1", 5.0)],
        [
            *(
                (3, "no measurement"),
                (4, "unreadable temperature"),
                (5, "missing sensor_id"),
                (6, "missing recorded_at"),
            ),
            (7, "no measurement"),
        ],
    ),
    "rows that end early, blanks between thousands, a day that ends at 24:00": (
        (
            'delimiter = ";"\ndecimal = ","\nthousands = " "\nshort_rows = true\nsensor_id = { column = "" }\n'
            'recorded_at = { column = "t", format = "%d.%m.%Y %H:%M" }\ntemperature = { column = "v", scale = 0.001 }'
        ),
        "plc.csv",
        (
            ";t;v;state;serial\nA;23.01.2026 24:00;4 500,5;ok;17\nB;24.01.2026 18:30;-18 000\nC;24.01.2026 18:30\n"
            "D;24.01.2026 24:30;4 500;ok\nE;24.01.2026 18:30;4 50;ok\nF;24.01.2026 18:30;4 500;ok;17;18\n"
        ),
        [("A", 4.5005), ("B", -18.0)],
        [
            (4, "missing temperature_c"),
            (5, "unreadable time"),
            (6, "unreadable temperature"),
            (7, "wrong number of fields"),
        ],
    ),
    "measurements of several kinds in an array beside device and time": (
        (
            'records = "ms"\nwhere = { type = ["temp", "t2"] }\nsensor_id = { column = "/dev" }\n'
            'recorded_at = { column = "/ts", format = "epoch_s" }\ntemperature = { column = "value" }'
        ),
        "hub.ndjson",
        (
            '{"dev":"a","ts":"1769279400","ms":[{"type":"temp","value":4.5},{"type":"hum","value":40}]}\n'
            '{"dev":"b","ts":1769279400,"ms":[]}\n{"dev":"c","ms":[{"type":"t2","value":"5.5"}],"ts":1769279400}\n'
            '{"dev":\n'
        ),
        [("a", 4.5), ("c", 5.5)],
        [(1, "a row of another measure"), (2, "no measurement"), (4, "not a JSON object")],
    ),
    "doors and energy beside the temperature, one of them somewhere else": (
        (
            'records = "r"\nsensor_id = { column = "/dev" }\nrecorded_at = { column = "at" }\n'
            'temperature = { column = "t" }\nnumbers.doors = { column = "d.n", type = "integer", missing = ["-"] }\n'
            'numbers.energy = { column = "e", type = "decimal", scale = 1000 }'
        ),
        "doors.ndjson",
        (
            f'{{"dev":"a","r":[{{"at":"{SEEN}","t":4.5,"d":{{"n":3}},"e":0.1}},{{"at":"{SEEN}","t":5,"d":{{"n":"x"}}}}]}}\n'
            f'{{"dev":"b","d":{{"n":7}},"r":[{{"at":"{SEEN}","t":5.5,"d":{{"n":"-"}},"e":"1e9"}},{{"at":"{SEEN}","t":6}}]}}\n'
        ),
        [("a", 4.5), ("b", 6.0)],
        [(1, "unreadable number beside the temperature"), (2, "number beside the temperature out of range")],
    ),
    "an object with a member for each sensor": (
        (
            'records = "by.*"\nsensor_id = { column = "*" }\nrecorded_at = { column = "/at" }\n'
            'temperature = { column = "t" }'
        ),
        "keyed.json",
        json.dumps({"at": SEEN, "by": {"A1": {"t": 4.5}, "B2": {"t": None}, "C3": [{"t": 5.5}]}}),
        [("A1", 4.5), ("C3", 5.5)],
        [(1, "missing temperature_c")],
    ),
    "a table as arrays, in an array of series": (
        (
            'records = "series.rows"\nsensor_id = { column = "2" }\nrecorded_at = { column = "0" }\n'
            'temperature = { column = "1" }'
        ),
        "rows.json",
        json.dumps({"series": [{"rows": [[SEEN, 4.5, "a"], [SEEN, 5.5]]}, {"rows": [[SEEN, 6.5, 17]]}]}),
        [("a", 4.5), ("17", 6.5)],
        [(1, "missing sensor_id")],
    ),
    "lists side by side": (
        'sensor_id = { column = "id" }\nrecorded_at = { column = "time.*" }\ntemperature = { column = "t.*" }',
        "lists.ndjson",
        json.dumps({"id": "a", "time": [SEEN, "2026-01-24T18:31:00Z", SEEN], "t": [4.5, 5.5]}),
        [("a", 4.5), ("a", 5.5)],
        [(1, "missing temperature_c")],
    ),
    "numbers under the sensors' names, in avro a record's array": (
        (
            'records = "ms"\nsensor_id = { column = "/dev" }\nrecorded_at = { column = "/at" }\n'
            'temperature = { column = "c" }'
        ),
        "x.avro",
        avro(),
        [("a", 4.5)],
        [(1, "missing temperature_c")],
    ),
    "UTF-16": (
        (
            'delimiter = "\\t"\nsensor_id = { column = "Gerät" }\nrecorded_at = { column = "Zeit" }\n'
            'temperature = { column = "T" }'
        ),
        "utf16.csv",
        f"Gerät\tZeit\tT\nKühl-1\t{SEEN}\t4.5\n".encode("utf-16"),
        [("Kühl-1", 4.5)],
        [],
    ),
    "windows-1252": (
        (
            'encoding = "windows-1252"\nsensor_id = { column = "id" }\nrecorded_at = { column = "at" }\n'
            'temperature = { column = "t °C" }'
        ),
        "old.csv",
        f"id,at,t °C\nKühl-1,{SEEN},4.5\n".encode("cp1252"),
        [("Kühl-1", 4.5)],
        [],
    ),
    "days as spreadsheets count them, local": (
        (
            'delimiter = ";"\ndecimal = ","\nsensor_id = { column = "s" }\n'
            'recorded_at = { column = "t", format = "excel", timezone = "Europe/Paris" }\n'
            'temperature = { column = "c" }'
        ),
        "sheet.csv",
        "s;t;c\na;46046,8125;4,5\na;46046,8194444444;5\na;24.01.2026;5\na;1e300;5\n",
        [("a", 4.5), ("a", 5)],
        [(4, "unreadable time"), (5, "unreadable time")],
    ),
    "each row in a unit of its own": (
        (
            'sensor_id = { column = "s" }\nrecorded_at = { column = "at" }\n'
            'temperature = { column = "m.value", unit_column = "m.unit", missing = [-999] }'
        ),
        "smart.ndjson",
        "\n".join(json.dumps({"s": "a", "at": SEEN, "m": {"value": value, "unit": unit}}) for value, unit in IN_UNITS),
        [("a", 5)] * 6,
        [(7, "unreadable temperature"), (8, "unreadable temperature"), (9, "no measurement")],
    ),
    "records two levels deep, with what the object around them says": (
        (
            'records = "data.result.values"\nsensor_id = { column = ["../metric.site", "../metric.probe"] }\n'
            'recorded_at = { column = "0", format = "epoch_s" }\ntemperature = { column = "1", missing = ["NaN"] }'
        ),
        "range.json",
        json.dumps(
            {
                "data": {
                    "result": [
                        {"metric": {"site": "A", "probe": 1}, "values": [[SECONDS, "4.5"], [SECONDS + 0.5, "NaN"]]},
                        {"metric": {"site": "B", "probe": 2}, "values": [[SECONDS, "5"]]},
                    ]
                }
            }
        ),
        [("A-1", 4.5), ("B-2", 5)],
        [(1, "no measurement")],
    ),
    "a time that is the key of an object, and sensors as keys within": (
        (
            'records = "*.*"\nsensor_id = { column = "*" }\nrecorded_at = { column = "../*" }\n'
            'temperature = { column = "value" }'
        ),
        "by-time.json",
        json.dumps({SEEN: {"a": 4.5, "b": 5}, "never": {"a": 6}}),
        [("a", 4.5), ("b", 5)],
        [(1, "unreadable time")],
    ),
    "rows that are arrays": (
        'sensor_id = { column = "1" }\nrecorded_at = { column = "0" }\ntemperature = { column = "2" }',
        "rows.json",
        json.dumps([[SEEN, "a", 4.5], [SEEN, "b"], 7]),
        [("a", 4.5)],
        [(1, "missing temperature_c"), (1, "not a JSON object")],
    ),
    "JSON within a text of JSON, plain and in base64": (
        (
            'embedded = ["payload"]\nsensor_id = { column = "payload.dev.id" }\n'
            'recorded_at = { column = "at" }\ntemperature = { column = "payload.t" }'
        ),
        "topic.ndjson",
        "\n".join(json.dumps({"at": SEEN, "payload": text}) for text in (PAYLOAD, coded(PAYLOAD), "oops", "[]", "")),
        [("7", 4.5), ("7", 4.5)],
        [(line, "missing sensor_id") for line in (3, 4, 5)],
    ),
    "JSON within a cell of csv": (
        (
            'embedded = ["payload"]\nsensor_id = { column = "payload.dev.id" }\n'
            'recorded_at = { column = "at" }\ntemperature = { column = "payload.t" }'
        ),
        "topic.csv",
        f'at,payload\n{SEEN},"{PAYLOAD.replace(chr(34), chr(34) * 2)}"\n{SEEN},{coded(PAYLOAD)}\n{SEEN},oops\n',
        [("7", 4.5), ("7", 4.5)],
        [(4, "missing sensor_id")],
    ),
    "records within JSON that is a text of each record": (
        (
            'records = "Records.data.vals"\nembedded = ["Records.data"]\nsensor_id = { column = "../dev" }\n'
            'recorded_at = { column = "at" }\ntemperature = { column = "c" }'
        ),
        "stream.json",
        json.dumps(
            {"Records": [{"data": coded(json.dumps({"dev": "k", "vals": [{"at": SEEN, "c": c} for c in (4.5, 5)]}))}]}
        ),
        [("k", 4.5), ("k", 5)],
        [],
    ),
    "a date and a time of day as such in parquet": (
        'sensor_id = { column = "s" }\nrecorded_at = { column = ["d", "t"] }\ntemperature = { column = "c" }',
        "typed.parquet",
        parquet(
            pa.table({"s": [17], "d": [date(2026, 1, 24)], "t": [time(18, 30)], "c": pa.array([4.5], pa.float32())})
        ),
        [("17", 4.5)],
        [],
    ),
    **{
        f"a preamble of {lines} lines": (
            'sensor_id = { value = "s" }\nrecorded_at = { column = "Time" }\ntemperature = { column = "T" }',
            "log.csv",
            f"{preamble}\nNo,Time,T\n1,{SEEN},4.5\nTotal,,4.5\n",
            [("s", 4.5)],
            [(lines + 3, "missing recorded_at")],
        )
        for lines, preamble in (
            (1, "sep=,"),
            (2, "Device,Cold room,left\nSerial,SN 1234,"),
            (3, 'Logger,X-7\n\n"Cold ""B"" room, left"'),
        )
    },
    "a day in the file's name": (
        (
            'sensor_id = { value = "s" }\ntemperature = { column = "t" }\n'
            'recorded_at = { path = "(?P<recorded_at>[0-9-]+)\\\\.csv", column = "at", timezone = "Europe/Paris" }'
        ),
        "2026-01-24.csv",
        "at,t\n19:30:00,4.5\n,5\n02:70,5\n",
        [("s", 4.5)],
        [(3, "missing recorded_at"), (4, "unreadable time")],
    ),
    "an offset in a column of its own, in four ways": (
        (
            'recorded_at = { column = ["at", "utc"], format = "%Y-%m-%d %H:%M:%S %z" }\n'
            'sensor_id = { column = "s" }\ntemperature = { column = "t" }'
        ),
        "zones.csv",
        "s,at,utc,t\n"
        + "".join(
            f"{offset},2026-01-24 {hour}:30:00,{offset},4.5\n"
            for offset, hour in (("+01:00", 19), ("+0100", 19), ("-05", 13), ("Z", 18), ("CET", 19))
        ),
        [("+01:00", 4.5), ("+0100", 4.5), ("-05", 4.5), ("Z", 4.5)],
        [(6, "unreadable time")],
    ),
    "bodies of avro with blanks or a mark before them, and a UUID in 16 bytes": (
        (
            'format = "avro"\nsensor_id = { column = "id" }\nrecorded_at = { column = "Body.at" }\n'
            'temperature = { column = "Body.t" }'
        ),
        "hub",
        avro_bodies(),
        [(UUID_TEXT, 4.5), (UUID_TEXT, 5)],
        [],
    ),
    "five columns of a time": (
        (
            'recorded_at = { column = ["YY", "MM", "DD", "hh", "mm"], format = "%Y %m %d %H %M" }\n'
            'sensor_id = { column = "s" }\ntemperature = { column = "t" }'
        ),
        "buoy.csv",
        "s,YY,MM,DD,hh,mm,t\nb,2026,1,24,18,30,4.5\n",
        [("b", 4.5)],
        [],
    ),
    "values under their times, the first of several": (
        (
            'records = "body.*.0"\nsensor_id = { value = "s" }\n'
            'recorded_at = { column = "*", format = "epoch_s" }\ntemperature = { column = "value" }'
        ),
        "measures.json",
        json.dumps({"body": {str(SECONDS): [4.5, 40], str(SECONDS + 60): [], str(SECONDS + 90): [5, 41]}}),
        [("s", 4.5), ("s", 5)],
        [],
    ),
    "columns of rows by their numbers": (
        (
            'sensor_id = { column = "s.*" }\nrecorded_at = { column = "at.*", format = "epoch_ms" }\n'
            'temperature = { column = "t.*" }'
        ),
        "frame.json",
        json.dumps(
            {"s": {"0": "a", "1": "b"}, "at": {"0": SECONDS * 1000, "1": SECONDS * 1000}, "t": {"0": 4.5, "1": None}}
        ),
        [("a", 4.5)],
        [(1, "missing temperature_c")],
    ),
}

#: Keys of a time with steps, and what it makes of three records; null where it is none.
STEPS: dict[str, tuple[str, dict[str, object], list[str | None]]] = {
    "seconds beside the first time": ('step = { column = "/every" }', {"every": 600}, ["18:30", "18:40", "18:50"]),
    "minutes": ('step = { column = "/every", scale = 60 }', {"every": "2.5"}, ["18:30", "18:32:30", "18:35"]),
    "always the same": ("step = { value = -60 }", {}, ["18:30", "18:29", "18:28"]),
    "none for the first": ('step = { column = "/every" }', {"every": None}, ["18:30", None, None]),
    "no number": ('step = { column = "/every" }', {"every": "1e30"}, ["18:30", None, None]),
}


@pytest.mark.parametrize("is_list", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_a_record_of_an_array_is_so_many_seconds_later_than_the_one_before_it(name: str, is_list: bool) -> None:  # noqa: FBT001
    step, beside, times = STEPS[name]
    records, value = ("", "v.*") if is_list else ("v", "0")
    keys = (
        f'records = "{records}"\nsensor_id = {{ value = "s" }}\ntemperature = {{ column = "{value}" }}\n'
        f'recorded_at = {{ column = "/at", format = "epoch_s", {step} }}'
    )
    rows = [4.5, 5, 6] if is_list else [[4.5, 40], [5, 41], [6, 42]]
    content = json.dumps({"at": SECONDS, **beside, "v": rows})
    found = read(source(f'name = "odd"\nmatch = "*"\n{TROY}{keys}'), content, "x.ndjson")
    seen = [(at.strftime("%H:%M:%S").removesuffix(":00"), degrees) for *_, at, degrees in found.valid]
    assert seen == [(at, degrees) for at, degrees in zip(times, (4.5, 5, 6), strict=True) if at]
    assert [reason for _, reason, _ in found.rejected] == ["unreadable time"] * times.count(None)


#: A source's keys, its file behind the first reading, and the lines that are rejected; the rest is not read.
SECOND_HEADERS = {
    "another order": ("", "Time;T1;H1;T2\n{at};45;4.5;6\n", []),
    "other names": ("", "Time;H1;H2;H3\n{at};45;46;47\n", []),
    "behind the same one": ("", "Time;T1;T2;H1\nTime;H1;T1;T2\n{at};45;4.5;6\n", [3, 3]),
    "under names that are given": ("skip_lines = 1\nheader = {given}\n", "Time;T2;T1;H1\n{at};4.5;6;45\n", []),
}


@pytest.mark.parametrize("name", SECOND_HEADERS)
def test_a_line_with_the_name_of_a_column_for_a_time_is_a_header(name: str) -> None:
    """Of a wide file few columns are known by name: behind another header values were another sensor's."""
    keys, behind, rejected = SECOND_HEADERS[name]
    given = keys.replace("{given}", '["at", "T1", "T2", "H"]')
    definition = source(
        f'name = "odd"\nmatch = "*"\ndelimiter = ";"\n{TROY}{given}wide = {{ columns = "^T" }}\n'
        f'recorded_at = {{ column = "{"at" if keys else "Time"}" }}'
    )
    found = read(definition, f"Time;T1;T2;H1\n{SEEN};4.5;5;40\n{behind.format(at=SEEN)}", "two.csv")
    assert [(sensor, degrees) for _, _, sensor, _, degrees in found.valid] == [("T1", 4.5), ("T2", 5)]
    assert [line for line, *_ in found.rejected] == rejected
    assert f"line {3 + len(set(rejected))} is a header of other columns" in str(found.error)


def test_a_header_with_other_names_before_the_sources_own_is_no_preamble() -> None:
    """Its rows would be lost in silence."""
    keys = 'sensor_id = { column = "s" }\nrecorded_at = { column = "at" }\ntemperature = { column = "t" }'
    two = f"probe,at,t\na,{SEEN},4.5\ns,at,t\na,{SEEN},5\n"
    found = read(source(f'name = "odd"\nmatch = "*"\n{TROY}{keys}'), two, "two.csv")
    assert (found.valid, found.rejected) == ([], [])
    assert str(found.error).startswith("missing columns of source odd: s; found: at, t, 1 other name")
    assert str(found.error).endswith("line 3 has them: if no reading stands before it, skip_lines = 2")


@pytest.mark.parametrize("name", DELIVERIES)
def test_an_odd_delivery_is_read_row_for_row(name: str) -> None:
    keys, file, content, readings, rejected = DELIVERIES[name]
    found = read(source(f'name = "odd"\nmatch = "*"\n{TROY}{keys}'), content, file)
    assert [(sensor, degrees) for _, _, sensor, _, degrees, *_ in found.valid] == readings
    assert [(line, reason) for line, reason, _ in found.rejected] == rejected
    assert found.error is None


def test_an_object_with_more_records_than_fit_into_memory_is_one_rejected_row() -> None:
    keys = (
        'records = "t"\nsensor_id = { value = "s" }\nrecorded_at = { column = "/at" }\n'
        'temperature = { column = "value" }'
    )
    whole, more = ({"at": SEEN, "t": [4.5] * rows} for rows in (200_000, 200_001))
    found = read(
        source(f'name = "odd"\nmatch = "*"\n{TROY}{keys}'), f"{json.dumps(more)}\n{json.dumps(whole)}", "x.ndjson"
    )
    assert len(found.valid) == 200_000
    assert [(line, reason) for line, reason, _ in found.rejected] == [(1, "line too long")]


#: Name → a source's keys, the file's name and content, and words of its refusal that lead to the cause.
REFUSED: dict[str, tuple[str, str, bytes | str, str]] = {
    "a text that holds JSON": (
        'sensor_id = { column = "p.dev" }\nrecorded_at = { column = "at" }\ntemperature = { column = "p.t" }',
        "x.ndjson",
        json.dumps({"at": SEEN, "p": '{"dev": "a", "t": 4.5}'}),
        (
            "missing in every object: p.dev, p.t; found in the first: at, 1 other name of 1 character; "
            'a member is a text that holds JSON: embedded = ["p"] looks into it'
        ),
    ),
    "an array that nobody named": (
        'sensor_id = { column = "id" }\nrecorded_at = { column = "time" }\ntemperature = { column = "t" }',
        "x.json",
        json.dumps({"id": "a", "rx": [{"at": SEEN, "c": 4.5}]}),
        "a member is an array: records = its name, of 2 characters, makes each of its elements a record",
    ),
    "records under another key": (
        (
            'records = "data.items"\nsensor_id = { column = "s" }\nrecorded_at = { column = "a" }\n'
            'temperature = { column = "c" }'
        ),
        "x.json",
        '{"data": {"rows": [], "next": 1}}',
        "it has no data.items; beside where it would be there are 2 other names of 4 characters",
    ),
    "JSON in a cell": (
        'sensor_id = { column = "p.dev" }\nrecorded_at = { column = "at" }\ntemperature = { column = "p.t" }',
        "x.csv",
        "at,p\n1,2\n",
        'if the text of p is JSON, say embedded = ["p"]',
    ),
    "a spreadsheet as csv": (
        'sensor_id = { column = "s" }\nrecorded_at = { column = "at" }\ntemperature = { column = "t" }',
        "x.csv",
        b"PK\x03\x04\x14\0\x06\0\x08\0",
        "this is a zip archive or a spreadsheet, read as csv; missing columns of source odd: s, at, t",
    ),
    "csv as parquet": (
        'sensor_id = { column = "s" }\nrecorded_at = { column = "at" }\ntemperature = { column = "t" }',
        "x.parquet",
        "s,at,t\n",
        "this is plain text, read as parquet",
    ),
    "records in parquet": (
        'records = "ms"\nsensor_id = { column = "s" }\nrecorded_at = { column = "at" }\ntemperature = { column = "c" }',
        "x.parquet",
        parquet(pa.table({"s": ["a"], "at": [SEEN], "ms": [[{"c": 4.5}]]})),
        "records and step are for json, ndjson and avro, and a row of parquet is one reading",
    ),
    "a list in parquet": (
        'sensor_id = { column = "s" }\nrecorded_at = { column = "at" }\ntemperature = { column = "ms.c" }',
        "x.parquet",
        parquet(pa.table({"s": ["a"], "at": [SEEN], "ms": [[{"c": 4.5}]]})),
        "column ms is of type list: a row of parquet is one reading",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_a_source_does_not_read_is_refused_in_words_that_lead_to_the_cause(name: str) -> None:
    keys, file, content, told = REFUSED[name]
    found = read(source(f'name = "odd"\nmatch = "*"\n{TROY}{keys}'), content, file)
    assert told in str(found.error)
    assert not found.valid


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('encoding = "klingon"', "line 4: source 1: encoding is not an encoding of text"),
        ("where = { a = [] }", "line 4: source 1: where.a"),
        ('records = "a"\nformat = "csv"', "line 1: source 1: records is for json, ndjson and avro"),
    ],
)
def test_what_cannot_be_is_refused_by_key_and_line(keys: str, told: str) -> None:
    fields = 'sensor_id = { column = "s" }\nrecorded_at = { column = "at" }\ntemperature = { column = "t" }'
    with pytest.raises(SourcesError) as refused:
        source(f'name = "odd"\nmatch = "*"\n{keys}\n{TROY}{fields}')
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ('column = "at", step = {}', "recorded_at.step takes one of column and value"),
        ('format = "iso"', "recorded_at needs a column, or a path"),
        ('path = "(?P<time>.*)"', "recorded_at path needs a group (?P<recorded_at>…) that holds the time"),
        ('column = "at", step = { every = 1 }', "has the unknown key recorded_at.step.every; there are column, value"),
    ],
)
def test_a_time_that_cannot_be_is_refused_by_key(time: str, told: str) -> None:
    fields = 'sensor_id = { column = "s" }\ntemperature = { column = "t" }'
    with pytest.raises(SourcesError) as refused:
        source(f'name = "odd"\nmatch = "*"\n{TROY}{fields}\nrecorded_at = {{ {time} }}')
    assert told in str(refused.value)
