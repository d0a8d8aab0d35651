#!/usr/bin/env bash
# DuckDB does not find the NaN of a Parquet file that it finds in its table, and delta-rs does not delete it; polars
# finds it in both.
#
# Seen with duckdb 2.0.1, deltalake 1.6.6, polars 2.1.0 and pyarrow 26.0.1 (2026-11-30, Linux x86-64, Python 3.11): a
# sensor that failed writes NaN, and the format leaves NaN out of a column's smallest and largest value. DuckDB, for
# which NaN is the largest number, believes them: of 1, NaN and 3 in a file of pyarrow or polars, x > 5 and isnan(x)
# find nothing and max(x) is 3; in a table made of the same file they find NaN. x > 2 finds it in both, since the 3
# keeps the rows from being passed over: whether a row is found depends on the rows beside it. DuckDB 1.4.4 answers
# isnan and max rightly, and x > 5 not. A file written by DuckDB is read rightly. delete("x <> 1") of delta-rs leaves
# NaN where all other values are 1, and deletes it where one is not. (DuckDB's part is issue 25521 of duckdb/duckdb.)
#
# Fails when one of them finds it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 deltalake==1.6.6 polars==2.1.0 pyarrow==26.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

NAN = float("nan")
pq.write_table(pa.table({"sensor": ["a", "b", "c"], "x": [1.0, NAN, 3.0]}), "arrow.parquet")
pl.read_parquet("arrow.parquet").write_parquet("polars.parquet")
duck = duckdb.connect()
duck.execute("create table readings as from 'arrow.parquet'")
duck.execute("copy readings to 'duck.parquet'")


def sensors(source, condition):
    """Those found."""
    return [sensor for (sensor,) in duck.execute(f"select sensor from {source} where {condition}").fetchall()]


for condition in ("x > 5", "isnan(x)"):
    files = [sensors(f"'{name}.parquet'", condition) for name in ("arrow", "polars")]
    print(f"DuckDB, {condition}: files {files}, its table {sensors('readings', condition)}")
    assert files == [[], []] and sensors("readings", condition) == sensors("'duck.parquet'", condition) == ["b"]
assert sensors("'arrow.parquet'", "x > 2") == sensors("readings", "x > 2") == ["b", "c"]
largest = [duck.execute(f"select max(x) from {each}").fetchall()[0][0] for each in ("'arrow.parquet'", "readings")]
print(f"DuckDB, max(x): file {largest[0]}, its table {largest[1]}")
assert largest[0] == 3 and largest[1] != largest[1]
assert pl.scan_parquet("arrow.parquet").filter(pl.col("x") > 5).collect()["sensor"].to_list() == ["b"]

for name, beside in (("ones", 1.0), ("others", 3.0)):
    write_deltalake(name, pl.DataFrame({"x": [1.0, NAN, beside]}))
    wanted = pl.scan_delta(name).filter(pl.col("x") != 1).collect().height
    deleted = DeltaTable(name).delete("x <> 1")["num_deleted_rows"]
    print(f"delta-rs, x <> 1 beside {beside}: {deleted} deleted of the {wanted} that polars finds")
    assert deleted == (0 if beside == 1 else 2) and wanted == (1 if beside == 1 else 2)
PYTHON
