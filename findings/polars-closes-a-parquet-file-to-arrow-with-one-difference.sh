#!/usr/bin/env bash
# The difference of an unsigned and a signed column makes polars write a Parquet file of which pyarrow opens no column.
#
# Seen with polars 2.1.0, pyarrow 26.0.1 and duckdb 2.0.1 (2026-11-30, Linux x86-64, Python 3.11): UInt64 minus Int64,
# also coalesce and a relaxed concat of both, is Int128 in polars 2, and so is a column of a CSV or NDJSON file with one
# number above 2^63. Counters of bytes and radio addresses are unsigned. Parquet has no such number: polars writes 16
# bytes and says Int128 in the schema for Arrow that it adds to the file, on which pyarrow gives up before any column is
# chosen, with columns= and for the schema alone. DuckDB reads a BLOB for the number and the other columns as they are.
# With the cast of one side to Int64 beforehand every reader agrees.
#
# Fails when pyarrow opens the file.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 pyarrow==26.0.1 duckdb==2.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

counters = pl.DataFrame({"tenant": ["troy"], "sent": pl.Series([7], dtype=pl.UInt64), "billed": [5]})
written = counters.with_columns(open=pl.col("sent") - pl.col("billed"))
print(written.schema)
assert written.schema["open"] == pl.Int128
assert counters.select(pl.coalesce("sent", "billed")).to_series().dtype == pl.Int128
written.write_parquet("usage.parquet")
asked = {
    "the table": lambda: pq.read_table("usage.parquet"),
    "one other column": lambda: pq.read_table("usage.parquet", columns=["tenant"]),
    "the schema": lambda: pq.read_schema("usage.parquet"),
}
for what, ask in asked.items():
    try:
        ask()
    except pa.ArrowNotImplementedError as error:
        print(f"pyarrow, {what}: {error}")
    else:
        raise SystemExit(f"pyarrow reads {what}")
row = duckdb.connect().execute("select tenant, open, typeof(open) from 'usage.parquet'").fetchall()[0]
print(f"DuckDB: {row}")
assert row == ("troy", (2).to_bytes(16, "little"), "BLOB")
assert pl.read_parquet("usage.parquet").equals(written)
counters.with_columns(open=pl.col("sent").cast(pl.Int64) - pl.col("billed")).write_parquet("usage.parquet")
assert pq.read_table("usage.parquet")["open"].to_pylist() == [2]
PYTHON
