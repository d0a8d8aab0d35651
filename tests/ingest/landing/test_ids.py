"""One device, however it is written: which spellings of an id are one sensor, in every format alike."""

from __future__ import annotations

import json
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fridge_pipeline.ingest.rules.blank import BLANK
from fridge_pipeline.ingest.rules.reading import FIELDS
from tests.ingest.landing.delivery import HEADER, TIME, deliver


def in_every_format(*rows: tuple[str, str, str, str]) -> dict[str, bytes]:
    """Rows of four texts: csv without and with quotes, ndjson decoded fast and with care, parquet with two types."""
    as_json = "\n".join(json.dumps(dict(zip(FIELDS, texts, strict=True))) for texts in rows)
    files = {
        "q.csv": HEADER + "\n".join(",".join(f'"{text}"' for text in texts) for texts in rows),
        "f.ndjson": as_json,
        "c.ndjson": as_json + '\n{"tenant_id":true}',
    }
    if not {"\n", "\r"} & {letter for texts in rows for text in texts for letter in text}:
        files["p.csv"] = HEADER + "\n".join(map(",".join, rows))
    contents = {name: text.encode() for name, text in files.items()}
    for name, dtype in (("t.parquet", pa.string()), ("b.parquet", pa.binary())):
        target = BytesIO()
        columns = zip(FIELDS, zip(*rows, strict=True), strict=True)
        pq.write_table(
            pa.table({name: pa.array([text.encode() for text in texts], dtype) for name, texts in columns}), target
        )
        contents[name] = target.getvalue()
    return contents


def ids_of(content: bytes, name: str) -> list[tuple[str, str]]:
    return [reading[1:3] for reading in deliver(content, name).valid]


#: Line breaks apart: a csv file without quotes cannot hold them in a field.
BLANKS = [[*BLANK.replace("\n", "").replace("\r", ""), " \t", "\ufeff "], ["\n", "\r"]]


@pytest.mark.parametrize("blanks", BLANKS)
def test_blanks_around_a_field_make_no_other_tenant_sensor_time_or_temperature(blanks: list[str]) -> None:
    rows = [
        (f"{each}t1{each}", f"{each}s {ord(each[0])}{each}", f"{each}{TIME}{each}", f"{each}4.5{each}")
        for each in blanks
    ]
    for name, content in in_every_format(*rows).items():
        assert ids_of(content, name) == [("t1", f"s {ord(each[0])}") for each in blanks], name


@pytest.mark.parametrize("blanks", BLANKS)
def test_an_id_of_nothing_but_blanks_is_missing(blanks: list[str]) -> None:
    rows = [ids for each in blanks for ids in (("t1", each, TIME, "4.5"), (each, "s1", TIME, "4.5"))]
    for name, content in in_every_format(*rows).items():
        reasons = [reason for _, reason in deliver(content, name).reasons][: len(rows)]
        assert reasons == ["missing sensor_id", "missing tenant_id"] * len(blanks), name


SENSORS = ["A840", "a840", "007", "7", "7.0", "8.6E+14", "a\u00a0b", "null", "true", "-0"]


def test_everything_else_in_an_id_is_kept_as_it_is() -> None:
    for name, content in in_every_format(*(("t1", sensor, TIME, "4.5") for sensor in SENSORS)).items():
        assert ids_of(content, name) == [("t1", sensor) for sensor in SENSORS], name


@pytest.mark.parametrize("number", ["7", "0", "-3", "7.0", "1.5", "860000000000000.0"])
def test_a_number_is_the_same_sensor_whatever_the_format(number: str) -> None:
    row = f'{{"tenant_id":"t1","sensor_id":{number},"recorded_at":"{TIME}","temperature_c":4.5}}'
    target = BytesIO()
    value = float(number) if "." in number else int(number)
    columns = {"tenant_id": ["t1"], "sensor_id": [value], "recorded_at": [TIME], "temperature_c": [4.5]}
    pq.write_table(pa.table(columns), target)
    files: dict[str, bytes | str] = {
        "x.csv": f"{HEADER}t1,{number},{TIME},4.5",
        "fast.ndjson": row,
        "careful.ndjson": row + "\n{bad",
        "x.parquet": target.getvalue(),
    }
    for name, content in files.items():
        assert deliver(content, name).sensors[0][1] == number, name


@pytest.mark.parametrize("number", ["8.6E+14", "1e3", "7.50", "-0.0"])
def test_a_number_in_ndjson_is_an_id_as_it_is_written(number: str) -> None:
    row = f'{{"sensor_id" : {number} ,"tenant_id":{number},"recorded_at":"{TIME}","temperature_c":4.5}}'
    for content in (row, row + "\n{bad", row * 2):
        assert ids_of(content.encode(), "x.ndjson")[0] == (number, number)


def test_a_byte_order_mark_in_the_middle_of_joined_files_makes_no_other_tenant() -> None:
    joined = f"\ufeff{HEADER}t1,s1,{TIME},4.5\n\ufefft1,s2,{TIME},4.5\n\ufeff\n"
    assert ids_of(joined.encode(), "x.csv") == [("t1", "s1"), ("t1", "s2")]

    row = json.dumps(dict(zip(FIELDS, ("t1", "s1", TIME, "4.5"), strict=True)))
    for between in ("\n\ufeff", "\ufeff", "\n\x1e"):
        assert ids_of(f"\ufeff{row}{between}{row}".encode(), "x.ndjson") == [("t1", "s1")] * 2


def test_what_a_row_with_blanks_said_is_kept_as_it_was_when_it_is_rejected() -> None:
    outcome = deliver(f"{HEADER} t1 , s1 ,{TIME}, warm \n", "x.csv")

    assert outcome.rejected == [(2, "unreadable temperature", f" t1 , s1 ,{TIME}, warm ")]
