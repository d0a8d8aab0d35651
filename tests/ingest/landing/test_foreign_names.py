"""A file that is not its source's is refused without its text: its names are counted, whatever the format."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import fastavro
import pyarrow as pa
import pytest

from tests.ingest.landing.delivery import deliver
from tests.ingest.landing.test_odd_deliveries import SEEN, TROY, parquet
from tests.ingest.landing.test_sources import read, source

SECRET = "hunter2-swordfish"
FIELDS = (
    f'{TROY}sensor_id = {{ column = "dev" }}\nrecorded_at = {{ column = "at" }}\ntemperature = {{ column = "p.t" }}'
)
RECORDS = f'records = "data.items"\n{FIELDS}'

#: What somebody delivered by mistake: one name that the source knows among others.
ROW = {"at": SEEN, SECRET: 1, f"{SECRET}-2": {SECRET: "x"}, f"{SECRET}-3": [{SECRET: 1}], f"{SECRET}-4": '{"a": 1}'}


def avro(*, is_sound: bool = True) -> bytes:
    inner = {"type": "record", "name": "inner", "fields": [{"name": "x", "type": "string"}]}
    names = ["at", "hunter2_swordfish"]
    fields: list[dict[str, Any]] = [{"name": name, "type": "string"} for name in names]
    fields.append({"name": "hunter2_swordfish_2", "type": inner})
    body = io.BytesIO()
    rows = [{**dict.fromkeys(names, "x"), "hunter2_swordfish_2": {"x": "x"}}]
    fastavro.writer(body, {"type": "record", "name": "r", "fields": fields}, rows)
    whole = body.getvalue()
    return whole if is_sound else whole.replace(b'"type": "string"', b'"type": "swordf"')


def table(**columns: Any) -> bytes:
    return parquet(pa.table(columns))


WITH_SECRET = {SECRET: ["x"]}

#: Name → keys of the source, the file's name and content, and words of what is told of it.
FILES: dict[str, tuple[str, str, bytes | str, str]] = {
    "csv": (FIELDS, "a.csv", f"at,{SECRET}\n1,2\n", "dev, p.t; found: at, 1 other name of 17"),
    "ndjson": (FIELDS, "a.ndjson", json.dumps(ROW), "dev, p.t; found in the first: at, 4 other names of 17 to 37"),
    "ndjson with records": (RECORDS, "a.ndjson", json.dumps({"data": {"items": [ROW]}}), "dev, p.t; found in the"),
    "json": (FIELDS, "a.json", json.dumps([ROW]), "dev, p.t; found in the first: at, 4 other names of 17 to 37"),
    "json with records": (RECORDS, "a.json", json.dumps({"data": {"items": [ROW]}}), "found in the first: at, 4 other"),
    "json without records": (RECORDS, "a.json", json.dumps({"data": ROW}), "it has no data.items; beside where it"),
    "avro": (FIELDS, "a.avro", avro(), "dev, p.t; found in the first: at, 2 other names of 17 to 21"),
    "avro of a broken schema": (FIELDS, "a.avro", avro(is_sound=False), "avro with a schema that cannot be read"),
    "parquet": (FIELDS, "a.parquet", table(at=[SEEN], **WITH_SECRET), "dev, p.t; found: at, 1 other name of 17"),
    "parquet, a struct": (
        FIELDS,
        "a.parquet",
        table(at=[SEEN], dev=[WITH_SECRET], p=[{"t": 4.5}]),
        "column dev is of type struct, expected text",
    ),
    "parquet, a list": (
        FIELDS,
        "a.parquet",
        table(at=[SEEN], dev=["a"], p=[[WITH_SECRET]]),
        "column p is of type list: a row of parquet is one reading",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_of_a_file_without_its_sources_columns_only_what_the_source_names_is_told(name: str) -> None:
    keys, file, content, told = FILES[name]
    found = read(source(f'name = "odd"\nmatch = "*"\n{keys}'), content, file)
    assert told in str(found.error)
    assert "swordf" not in str(found.error)
    assert not found.valid


CANONICAL: dict[str, tuple[str, Callable[[], bytes]]] = {
    "csv": ("a.csv", f"tenant_id,{SECRET}\n".encode),
    "ndjson": ("a.ndjson", lambda: json.dumps({"tenant_id": "t", SECRET: 1}).encode()),
    "parquet": ("a.parquet", lambda: table(tenant_id=["t"], **WITH_SECRET)),
    "parquet, a struct": (
        "a.parquet",
        lambda: table(tenant_id=["t"], sensor_id=[WITH_SECRET], recorded_at=[SEEN], temperature_c=[4.5]),
    ),
    "parquet, a zone": (
        "a.parquet",
        lambda: table(
            tenant_id=pa.array([1], pa.timestamp("us", f"Europe/{SECRET}")),
            sensor_id=["s"],
            recorded_at=[SEEN],
            temperature_c=[4.5],
        ),
    ),
}


@pytest.mark.parametrize("name", CANONICAL)
def test_nor_is_foreign_text_told_where_no_source_reads_the_file(name: str) -> None:
    file, content = CANONICAL[name]
    found = deliver(content(), file)
    assert found.error
    assert "swordf" not in found.error
