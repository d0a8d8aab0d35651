#!/usr/bin/env bash
# Told to read in parallel, polars' read_database_uri leaves out every row whose partition column is NULL.
#
# Seen with polars 2.1.0 and connectorx 0.4.6 (2026-12-01, Linux x86-64, Python 3.11), here of SQLite: partition_on
# and partition_num promise the same rows sooner. connectorx, which polars takes by default, asks for smallest and
# largest value of the column and sends one statement for each range between, "low <= column and column < high"; no
# range has NULL, and none is added for it, with partition_num=1 neither. The natural column to split by is the
# tenant, and what has no tenant yet, usage that waits for its mapping, is NULL there: a report is complete on one
# connection and short on four, and its total still agrees with the sum of its tenants. The group for NULL of a group
# by is lost like the rows. A column without NULL, or coalesce(tenant, 0) in the query, keeps all of them.
#
# Fails when the rows are read, or the column refused.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    connectorx==0.4.6 polars==2.1.0 pyarrow==26.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
import sqlite3

import connectorx
import polars as pl

with sqlite3.connect("usage.db") as database:
    database.execute("create table usage (hour integer not null, tenant integer, quantity integer not null)")
    rows = [(hour, hour % 4 or None, 10) for hour in range(1, 101)]
    database.executemany("insert into usage values (?, ?, ?)", rows)
address = f"sqlite://{os.getcwd()}/usage.db"
QUERIES = {
    "all rows": "select * from usage",
    "by tenant": "select tenant, sum(quantity) as quantity from usage group by tenant",
    "coalesced": "select coalesce(tenant, 0) as tenant, quantity from usage",
}


def total(query, **settings):
    """The quantity that polars reads with them."""
    return pl.read_database_uri(query, address, **settings)["quantity"].sum()


for what, query in QUERIES.items():
    found = [total(query), *(total(query, partition_on="tenant", partition_num=number) for number in (1, 2, 4))]
    print(f"{what}: at once {found[0]}, in 1, 2 and 4 parts {found[1:]}")
    assert found == [1000] + [1000 if what == "coalesced" else 750] * 3
by_hour = total(QUERIES["all rows"], partition_on="hour", partition_num=4)
print(f"by a column without NULL: {by_hour}")
assert by_hour == 1000
arrow = connectorx.read_sql(address, QUERIES["all rows"], partition_on="tenant", partition_num=4, return_type="arrow")
statements = connectorx.partition_sql(address, QUERIES["all rows"], "tenant", 2)
print(*statements, f"Arrow: {arrow.num_rows} rows", sep="\n")
assert arrow.num_rows == 75 and not any("null" in statement.lower() for statement in statements)
PYTHON
