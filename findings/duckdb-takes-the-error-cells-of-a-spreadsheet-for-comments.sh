#!/usr/bin/env bash
# DuckDB drops the rows of a CSV file that begin with #N/A, or with a sensor called #100, as comments that nobody asked
# for.
#
# Seen with duckdb 2.0.1, polars 2.1.0 and pyarrow 26.0.1 (2026-11-30, Linux x86-64, Python 3.11): read_csv guesses
# delimiter, quote and header, and with them whether # begins a comment. Where the rows without those that begin so fit
# better into numbers, it guesses yes: a spreadsheet's error cell in the first column, or 10 names like #100 among 1,000
# whole numbers, and the rows are gone without an error. In the second column the same cell makes the column text and no
# row is lost. comment='', or all columns named by columns=, keeps them; polars and pyarrow keep them as they are.
#
# Fails when DuckDB keeps the rows, or the others lose one.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import duckdb
import polars as pl
import pyarrow.csv

FILES = {
    "error cell first": "t,sensor\n4.2,a\n4.1,b\n#N/A,c\n4.0,d\n",
    "error cell second": "sensor,t\na,4.2\nb,4.1\nc,#N/A\nd,4.0\n",
    "names": "sensor,t\n" + "".join(f"{'#' if number % 100 == 0 else ''}{number},4\n" for number in range(1, 1001)),
}


def rows(source):
    """How many DuckDB reads."""
    return duckdb.connect().execute(f"select count(*) from {source}").fetchall()[0][0]


found = {}
for name, text in FILES.items():
    with open("readings.csv", "w") as file:
        file.write(text)
    found[name] = [
        rows("'readings.csv'"),
        rows("read_csv('readings.csv', comment = '')"),
        rows("read_csv('readings.csv', header = true, columns = {'one': 'varchar', 'two': 'varchar'})"),
        pl.read_csv("readings.csv", infer_schema=False).height,
        pyarrow.csv.read_csv("readings.csv").num_rows,
    ]
    guessed = duckdb.connect().execute("select comment from sniff_csv('readings.csv')").fetchall()[0][0]
    print(f"{name}: DuckDB {found[name][0]} rows, comment {guessed}; the others {found[name][1:]}")
assert found["error cell first"] == [3, 4, 4, 4, 4]
assert found["error cell second"] == [4, 4, 4, 4, 4]
assert found["names"] == [990, 1000, 1000, 1000, 1000]
PYTHON
