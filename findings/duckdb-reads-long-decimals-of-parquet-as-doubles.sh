#!/usr/bin/env bash
# DuckDB reads a Parquet column of decimals with more than 38 digits as doubles, so sums of cents are no longer exact,
# and 1.4.4 reads other numbers.
#
# Seen with duckdb 2.0.1 and 1.4.4, polars 2.1.0 and pyarrow 26.0.1 (2026-11-30, Linux x86-64, Python 3.11): what
# decides is the type, not the value: BigQuery's BIGNUMERIC has 76 digits, PostgreSQL's numeric(40,2) has 40, also where
# they hold 0.10. DuckDB, whose own decimals end at 38 digits and which refuses the cast to decimal(40,2), says DOUBLE:
# 0.10 + 0.20 is 0.30000000000000004, equal to no 0.30. Release 1.4.4 weighs the last of 17 bytes as if seven more came,
# and adds the two to 2 * 10^16 (pull request 25058 of duckdb/duckdb tells of it). polars refuses the file, pyarrow adds
# exactly; a cast to decimal128(38,2) before writing helps all.
#
# Fails when DuckDB refuses the column, or adds it exactly.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
import subprocess
import sys
from decimal import Decimal

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SUM = "select typeof(any_value(amount)), sum(amount), sum(amount) = 0.30 from 'amounts.parquet'"
amounts = pa.table({"amount": pa.array([Decimal("0.10"), Decimal("0.20")], pa.decimal256(40, 2))})
pq.write_table(amounts, "amounts.parquet")
kind, total, is_equal = duckdb.connect().execute(SUM).fetchall()[0]
exact = pc.sum(pq.read_table("amounts.parquet")["amount"]).as_py()
print(f"DuckDB {duckdb.__version__}: {kind}, {total}, equal to 0.30: {is_equal}; pyarrow: {exact}")
assert (kind, total, is_equal) == ("DOUBLE", 0.1 + 0.2, False) and exact == Decimal("0.30")
for refused, refusal in (
    (lambda: pl.read_parquet("amounts.parquet"), pl.exceptions.InvalidOperationError),
    (lambda: duckdb.connect().execute("select 0.1::decimal(40,2)"), duckdb.BinderException),
):
    try:
        refused()
    except refusal as error:
        print(f"{refusal.__name__}: {error}")
    else:
        raise SystemExit("taken")
pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", "older"]
subprocess.run([*pip, "duckdb==1.4.4"], check=True, stderr=subprocess.DEVNULL)
code = f'import duckdb; print(duckdb.__version__, duckdb.connect().execute("{SUM}").fetchall()[0][1])'
older = subprocess.run(
    [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "older"}
).stdout.split()
print(f"DuckDB {older[0]}: {older[1]}")
assert older[0] == "1.4.4" and float(older[1]) > 1e15
PYTHON
