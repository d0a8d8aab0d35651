#!/usr/bin/env bash
# ClickHouse reads a temperature that is missing as 0 °C, and finds the price 0 where a tariff has none.
#
# Seen with chdb 4.4.0, which is ClickHouse in a process, and duckdb 2.0.1 (2026-12-01, Linux x86-64, Python 3.11):
# columns are not nullable unless they say so. A reading {"t": null}, one without "t", and an empty field of CSV are
# stored as 0 without an error, and count as readings. A LEFT JOIN fills the columns of rows that found no partner with
# 0 and "": usage without a price has the amount 0, is not found by "where price is null", and is free of charge. The
# warmest of no readings at all is 0 °C. DuckDB has NULL for each. Declare Nullable(Float64), set join_use_nulls = 1 in
# every session, and use maxOrNull() and minOrNull().
#
# Fails when ClickHouse gives NULL or an error, or DuckDB does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check chdb==4.4.0 duckdb==2.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import chdb
import duckdb


def clickhouse(select):
    """The rows as lists of texts; NULL is \\N."""
    return [line.replace('"', "").split(",") for line in str(chdb.query(select)).splitlines()]


READINGS = '{"t": 4.2}\n{"t": null}\n{}\n'
with open("readings.jsonl", "w") as file:
    file.write(READINGS)
TYPES = ("Float64", "Nullable(Float64)")
json = {each: clickhouse(f"select t from format(JSONEachRow, 't {each}', '{READINGS}')") for each in TYPES}
csv = {each: clickhouse(f"select t from format(CSV, 's String, t {each}', 'a,4.2\nb,\n')") for each in TYPES}
by_duckdb = duckdb.sql("select t from read_json('readings.jsonl', columns = {t: 'double'})").fetchall()
print(f"JSON: {json}, in DuckDB {by_duckdb}\nCSV: {csv}")
assert json == {"Float64": [["4.2"], ["0"], ["0"]], "Nullable(Float64)": [["4.2"], ["\\N"], ["\\N"]]}
assert csv == {"Float64": [["4.2"], ["0"]], "Nullable(Float64)": [["4.2"], ["\\N"]]}
assert by_duckdb == [(4.2,), (None,), (None,)]
BILL = """
select tenant, n * price, price is null
from (select 'a' as tenant, 100 as n union all select 'b', 200) as readings
left join (select 'a' as tenant, 0.5 as price) as tariff using (tenant)
order by tenant
"""
bills = clickhouse(BILL), clickhouse(f"{BILL} settings join_use_nulls = 1"), duckdb.sql(BILL).fetchall()
print(f"bill: {bills[0]}, with join_use_nulls {bills[1]}, in DuckDB {bills[2]}")
assert bills[0] == [["a", "50", "0"], ["b", "0", "0"]] and bills[1][1] == ["b", "\\N", "1"]
assert bills[2][1] == ("b", None, True)
NOTHING = "from (select 4.2 as t) as readings where t > 8"
warmest = clickhouse(f"select max(t), maxOrNull(t) {NOTHING}"), duckdb.sql(f"select max(t) {NOTHING}").fetchall()
print(f"warmest of none: {warmest[0]}, in DuckDB {warmest[1]}")
assert warmest == ([["0", "\\N"]], [(None,)])
PYTHON
