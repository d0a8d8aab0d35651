#!/usr/bin/env bash
# Fourteen days that hold 1 July 2026 begin on five different days, and 14 days are not two weeks in polars, pyarrow and
# ClickHouse.
#
# Seen with duckdb 2.0.1, polars 2.1.0, pyarrow 26.0.1, chdb 4.4.0, datafusion 55.0.0 and pandas 3.1.1 (2026-12-01,
# Linux x86-64, Python 3.11): a window of one hour or one month begins at the same moment everywhere. One of days has no
# natural beginning: DuckDB counts from Monday 3 January 2000, most others from Thursday 1 January 1970, so seven days
# begin on a Thursday, and pandas' 14D from the first reading, so that a late one moves every window. Weeks begin on
# Monday, yet two of them on 22 June in polars and ClickHouse and on 29 June in pyarrow and DuckDB. Usage billed every
# fortnight, counted in one and checked in another, shares no period. Give an origin: date_bin(…, origin) in PostgreSQL,
# time_bucket(…, origin) in DuckDB, offset= in polars, origin= in pandas.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 chdb==4.4.0 datafusion==55.0.0 pandas==3.1.1 \
    tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from datetime import datetime

import chdb
import datafusion
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

WHEN = datetime(2026, 7, 1, 12)
AT = f"timestamp '{WHEN}'"


def in_duckdb(length):
    return duckdb.sql(f"select time_bucket(interval '{length}', {AT})").fetchall()[0][0]


def in_polars(length):
    return pl.Series([WHEN]).dt.truncate(length)[0]


def in_pyarrow(count, unit):
    return pc.floor_temporal(pa.array([WHEN]), count, unit)[0].as_py()


def in_clickhouse(length):
    text = str(chdb.query(f"select toDate(toStartOfInterval(toDateTime('{WHEN}', 'UTC'), interval {length}))"))
    return datetime.fromisoformat(text.strip().strip('"'))


def in_datafusion(length):
    (row,) = datafusion.SessionContext().sql(f"select date_bin(interval '{length}', {AT}) as t").to_pylist()
    return row["t"]


def in_pandas(length):
    days = pd.Series(1, index=pd.date_range("2026-06-27", periods=6, freq="D"))
    return max(bucket for bucket in days.resample(length, closed="left", label="left").sum().index if bucket <= WHEN)


found = {
    "DuckDB, 7 days": in_duckdb("7 days"),
    "DuckDB, 14 days": in_duckdb("14 days"),
    "polars, 7d": in_polars("7d"),
    "polars, 1w": in_polars("1w"),
    "polars, 14d": in_polars("14d"),
    "polars, 2w": in_polars("2w"),
    "pyarrow, 7 days": in_pyarrow(7, "day"),
    "pyarrow, 14 days": in_pyarrow(14, "day"),
    "pyarrow, 2 weeks": in_pyarrow(2, "week"),
    "ClickHouse, 14 day": in_clickhouse("14 day"),
    "ClickHouse, 2 week": in_clickhouse("2 week"),
    "DataFusion, 14 days": in_datafusion("14 days"),
    "pandas, 14D of data from 27 June": in_pandas("14D"),
    "pandas, 2W of the same": in_pandas("2W"),
}
for who, begin in found.items():
    print(f"{who}: {begin:%a %d %B}")
days = [f"{begin:%a %d.%m.}" for begin in found.values()]
weeks = ["Mon 29.06.", "Mon 29.06.", "Thu 25.06.", "Mon 29.06."]
assert days[:6] == [*weeks, "Thu 18.06.", "Mon 22.06."]
assert days[6:12] == ["Thu 25.06.", "Thu 18.06.", "Mon 29.06.", "Thu 18.06.", "Mon 22.06.", "Thu 18.06."]
assert days[12:] == ["Sat 27.06.", "Sun 21.06."]
PYTHON
