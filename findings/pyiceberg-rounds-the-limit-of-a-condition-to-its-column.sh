#!/usr/bin/env bash
# In PyIceberg a condition "value > 4.7" does not find 5, and delete("value = 4.4") removes the row with 4.
#
# Seen with pyiceberg 0.12.0, polars 2.1.0 and pyarrow 26.0.1 (2026-12-01, Linux x86-64, Python 3.11): before it
# compares, PyIceberg makes the number of a condition one of the column's type, and rounds it on the way, whatever the
# comparison is. Of a column of whole numbers 4.7 in the text of a condition is 5, so > 4.7 is > 5, and 4.4 is 4. Of
# decimal(10,2) the float 1.004 is 1.00: LessThan loses the row with 1.00, EqualTo has it. Not one conversion is like
# another: the text '4.7' is cut to 4, the float 4.7 is refused for whole numbers, the text 1.004 is refused for the
# decimal. scan, delete and overwrite share this, so that usage above a limit is missed, and amounts are deleted that
# no condition meant. polars' scan_iceberg of the same table compares the values as they are. (See the methods `to` of
# Literal in pyiceberg/expressions/literals.py.) A limit with the column's own places is kept.
#
# Fails when one of them is refused, or compared as it is.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    "pyiceberg[sql-sqlite]==0.12.0" polars==2.1.0 pyarrow==26.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python -W ignore - <<'PYTHON'
import os
from decimal import Decimal

import polars as pl
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo, GreaterThan, LessThan

catalog = SqlCatalog("one", uri="sqlite:///catalog.db", warehouse=f"file://{os.getcwd()}")
catalog.create_namespace("billing")
AMOUNTS = pa.array([Decimal("0.99"), Decimal("1.00"), Decimal("1.01")], pa.decimal128(10, 2))
rows = pa.table({"value": pa.array([3, 4, 5], pa.int64()), "amount": AMOUNTS})
table = catalog.create_table("billing.usage", schema=rows.schema)
table.append(rows)
value, amount = pl.col("value"), pl.col("amount")
ASKED = [
    ("value > 4.7", value > 4.7, [], [5]),
    ("value = 4.4", value == 4.4, [4], []),
    ("value < 4.4", value < 4.4, [3], [3, 4]),
    (LessThan("value", Decimal("4.4")), value < Decimal("4.4"), [3], [3, 4]),
    (LessThan("amount", 1.004), amount < 1.004, [3], [3, 4]),
    (EqualTo("amount", 1.004), amount == 1.004, [4], []),
    ("value > '4.7'", value > 4.7, [5], [5]),
    ("amount <= 1.00", amount <= Decimal("1.00"), [3, 4], [3, 4]),
]
for condition, in_polars, found, meant in ASKED:
    answers = [
        table.scan(row_filter=condition).to_arrow()["value"].to_pylist(),
        pl.scan_iceberg(table).filter(in_polars).collect()["value"].to_list(),
    ]
    print(f"{condition}: PyIceberg {answers[0]}, polars {answers[1]}")
    assert answers == [found, meant]
for condition in (GreaterThan("value", 4.7), "amount < 1.004"):
    try:
        table.scan(row_filter=condition).to_arrow()
    except (TypeError, ValueError) as error:
        print(f"{condition}: {type(error).__name__}: {error}")
        continue
    raise SystemExit("it is taken")
table.delete("value = 4.4")
left = table.scan().to_arrow()["value"].to_pylist()
print(f"left after the deletion of 4.4: {left}")
assert left == [3, 5]
PYTHON
