"""Deliveries of vendors that nobody here has seen, read by sources that docs/sources.md is enough to write."""

from __future__ import annotations

import io
import json
from datetime import date, time

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fridge_pipeline.ingest.sources_file import SourcesError
from tests.ingest.landing.test_sources import read, source

TROY = 'tenant_id = { value = "troy" }\n'
SEEN = "2026-01-24T18:30:00Z"


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
    "a date and a time of day as such in parquet": (
        'sensor_id = { column = "s" }\nrecorded_at = { column = ["d", "t"] }\ntemperature = { column = "c" }',
        "typed.parquet",
        parquet(
            pa.table({"s": [17], "d": [date(2026, 1, 24)], "t": [time(18, 30)], "c": pa.array([4.5], pa.float32())})
        ),
        [("17", 4.5)],
        [],
    ),
}


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
