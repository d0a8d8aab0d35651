#!/usr/bin/env bash
# A month of 3,600 sensors has -2,532,096 hours: five of eight engines add up nanoseconds past their end without a word.
#
# Seen with polars 2.1.0, numpy 2.4.6, pyarrow 26.0.1, datafusion 55.0.0, chdb 4.4.0, pandas 3.1.1, duckdb 2.0.1 and
# SQLite by Python's sqlite3 (2026-12-01, Linux x86-64, Python 3.11): usage is often kept as a duration in nanoseconds,
# as the difference of two such times is in pandas and polars. 64 bits end at 2,562,047 hours, which 3,559 sensors reach
# in a month of 30 days. polars, numpy, pyarrow, DataFusion and ClickHouse wrap round to a negative sum, the same in a
# group; of twice as many sensors it is positive again and too small, which nobody notices. pandas stops for durations
# and wraps for whole numbers, SQLite stops, DuckDB's sum() is of 128 bits and right. The mean of the same column is
# right in polars, pyarrow and DataFusion, and -703 hours in ClickHouse. Keep durations in microseconds or seconds, or
# cast before the sum: to Duration("us") in polars, to Int128 in ClickHouse.
#
# Fails when one of them adds up otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 numpy==2.4.6 pyarrow==26.0.1 datafusion==55.0.0 chdb==4.4.0 pandas==3.1.1 duckdb==2.0.1 \
    2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import sqlite3

import chdb
import datafusion
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

SENSORS, MONTH = 3600, 720 * 3600 * 10**9
TRUE, WRAPPED = SENSORS * MONTH, SENSORS * MONTH - 2**64
whole = np.full(SENSORS, MONTH)
durations = whole.astype("timedelta64[ns]")
table = pa.table({"n": whole, "d": durations})
ROWS = f"from (select toInt64({MONTH}) as n from numbers({SENSORS}))"


def sqlite():
    """SQLite keeps whole numbers in 64 bits."""
    connection = sqlite3.connect(":memory:")
    connection.execute("create table use (n integer)")
    connection.executemany("insert into use values (?)", [(MONTH,)] * SENSORS)
    return connection.execute("select sum(n) from use").fetchone()[0]


def by_datafusion(what):
    """One value of an aggregate."""
    context = datafusion.SessionContext()
    context.from_arrow(table, name="use")
    return context.sql(f"select {what} as x from use").collect()[0]["x"].cast(pa.int64())[0].as_py()


def by_clickhouse(what):
    """One value of an aggregate."""
    return int(float(str(chdb.query(f"select {what} {ROWS}"))))


def tried(function):
    """The sum, or the kind of error."""
    try:
        return int(function())
    except (pd.errors.OutOfBoundsTimedelta, sqlite3.OperationalError) as error:
        return type(error).__name__


series = pl.Series("d", durations)
SUMS = {
    "polars": (lambda: series.sum().total_seconds() * 1e9 // 1000 * 1000, WRAPPED // 1000 * 1000),
    "polars, whole numbers": (lambda: pl.Series(whole).sum(), WRAPPED),
    "polars, microseconds": (lambda: series.cast(pl.Duration("us")).sum().total_seconds() * 1e9, TRUE),
    "numpy": (lambda: durations.sum().astype(np.int64), WRAPPED),
    "pyarrow": (lambda: pc.sum(table["n"]).as_py(), WRAPPED),
    "pyarrow, in a group": (lambda: table.group_by([]).aggregate([("n", "sum")])["n_sum"][0].as_py(), WRAPPED),
    "DataFusion": (lambda: by_datafusion("sum(d)"), WRAPPED),
    "ClickHouse": (lambda: str(chdb.query(f"select sum(n) {ROWS}")), WRAPPED),
    "ClickHouse, Int128": (lambda: str(chdb.query(f"select sum(toInt128(n)) {ROWS}")), TRUE),
    "pandas": (lambda: pd.Series(durations).sum().value, "OutOfBoundsTimedelta"),
    "pandas, whole numbers": (lambda: pd.Series(whole).sum(), WRAPPED),
    "SQLite": (sqlite, "OperationalError"),
    "DuckDB": (lambda: duckdb.sql("select sum(n) from use").fetchall()[0][0], TRUE),
}
duckdb.register("use", table)
for engine, (function, expected) in SUMS.items():
    found = tried(function)
    print(f"{engine}: {found if isinstance(found, str) else f'{found / 3.6e12:,.0f} hours'}")
    if isinstance(found, int):
        assert abs(found - expected) < 10**6
    else:
        assert found == expected
means = {
    "polars": series.mean().total_seconds() / 3600,
    "pyarrow": pc.mean(table["n"]).as_py() / 3.6e12,
    "DataFusion": by_datafusion("avg(n)") / 3.6e12,
    "ClickHouse": by_clickhouse("avg(n)") / 3.6e12,
}
print(f"means: {means}")
assert [round(each) for each in means.values()] == [720, 720, 720, -703]
PYTHON
