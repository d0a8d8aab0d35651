#!/usr/bin/env bash
# fastparquet writes 25 hours as a time of day, which is none in polars, one o'clock in pyarrow and 2 January 1970 in
# ClickHouse.
#
# Seen with fastparquet 2026.9.0, pandas 3.1.1, polars 2.1.0, pyarrow 26.0.1 and chdb 4.4.0 (2026-12-01, Linux x86-64,
# Python 3.11): Parquet has no type for a duration, and fastparquet stores pandas' Timedelta as TIME, which is defined
# from 00:00 to 24:00. It reads its own files back right, by a note in their metadata. polars reads null for all from 24
# hours on and below 0, to_pylist() of pyarrow leaves out whole days, so that 720 hours of a month are 00:00, and
# ClickHouse returns dates. pandas' own reader stops with an error. Hours of use are billed, and short ones, as tests
# have, are right everywhere. Write whole seconds as integers. Decimals become doubles in such a file: 4.20 is 4.2, and
# 12345678901234567.89 has lost its cents.
#
# Fails when the file holds durations, or a reader takes them as such.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    fastparquet==2026.9.0 pandas==3.1.1 polars==2.1.0 pyarrow==26.0.1 chdb==4.4.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from datetime import time
from decimal import Decimal

import chdb
import fastparquet
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

HOURS = [1, 25, 720, -1]
DURATIONS = pd.to_timedelta(HOURS, unit="h")
AMOUNTS = [Decimal("4.20"), Decimal("12345678901234567.89"), Decimal("0.10"), Decimal("1.00")]
fastparquet.write("use.parquet", pd.DataFrame({"on": DURATIONS, "amount": AMOUNTS}))
table = pq.read_table("use.parquet")
own = fastparquet.ParquetFile("use.parquet").to_pandas().on
found = {
    "polars": pl.read_parquet("use.parquet")["on"].to_list(),
    "pyarrow": table["on"].to_pylist(),
    "ClickHouse": str(chdb.query("select on from file('use.parquet', Parquet)")).replace('"', "").splitlines(),
}
print(f"schema: on {table.schema.field('on').type}, amount {table.schema.field('amount').type}")
assert table.schema.field("on").type == pa.time64("us") and table.schema.field("amount").type == pa.float64()
assert table["amount"].to_pylist()[:2] == [4.2, 12345678901234568.0]
print(f"fastparquet: {[each.total_seconds() / 3600 for each in own]} hours")
assert own.tolist() == DURATIONS.tolist()
for reader, values in found.items():
    print(f"{reader}: {[str(each) for each in values]}")
assert found["polars"] == [time(1), None, None, None]
assert found["pyarrow"][:3] == [time(1), time(1), time(0)]
assert [each[:16] for each in found["ClickHouse"][:3]] == ["1970-01-01 01:00", "1970-01-02 01:00", "1970-01-31 00:00"]
PYTHON
