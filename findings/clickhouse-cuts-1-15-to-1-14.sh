#!/usr/bin/env bash
# ClickHouse cuts where others round: a price of 1.15 becomes 1.14, and 9.99 for a thousand readings 0.00 for each.
#
# Seen with chdb 4.4.0, which is ClickHouse in a process, duckdb 2.0.1, datafusion 55.0.0 and polars 2.1.0 (2026-12-01,
# Linux x86-64, Python 3.11): a double that becomes a Decimal of two places is multiplied by 100 and cut, and 1.15 * 100
# is 114.99999999999999. So 573 of the 10,000 amounts from 0.00 to 99.99 lose a cent, never gain one: a cast, or an
# insert from a file whose column is Float64. Digits of a text, a CSV file or JSON are cut as well, 1.159 to 1.15, where
# PostgreSQL and the three others have 1.16. A quotient of decimals keeps the places of its first number, so that 9.99 /
# 1000 is 0 without an error. toDecimal64(round(x, 2), 2) does not help, it is 1.14 again: go by
# toDecimal64(toString(x), 2) for doubles of two places, by a Decimal of more places and round() for texts, and give the
# dividend the places that the price needs.
#
# Fails when ClickHouse rounds, or another one cuts.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    chdb==4.4.0 duckdb==2.0.1 datafusion==55.0.0 polars==2.1.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import chdb
import datafusion
import duckdb
import polars as pl


def clickhouse(select):
    """The values of one row, or of one column, as text."""
    return str(chdb.query(select)).split()


DOUBLE_AND_TEXT = "cast(cast(1.15 as double) as decimal(9, 2)) a, cast('1.159' as decimal(9, 2)) b"
row = datafusion.SessionContext().sql(f"select {DOUBLE_AND_TEXT}").to_pydict()
found = {
    "ClickHouse": clickhouse("select toDecimal64(1.15, 2), toDecimal64('1.159', 2)")[0].split(","),
    "DuckDB": [str(each) for each in duckdb.sql(f"select {DOUBLE_AND_TEXT}").fetchall()[0]],
    "DataFusion": [str(row["a"][0]), str(row["b"][0])],
    "polars": [str(pl.Series([each]).cast(pl.Decimal(9, 2))[0]) for each in (1.15, "1.159")],
}
for engine, (of_double, of_text) in found.items():
    print(f"{engine}: 1.15 is {of_double}, '1.159' is {of_text}")
    assert [of_double, of_text] == (["1.14", "1.15"] if engine == "ClickHouse" else ["1.15", "1.16"])
csv = clickhouse("select * from format(CSV, 'price Decimal(9, 2)', '1.159\n')")
json = clickhouse("""select * from format(JSONEachRow, 'price Decimal(9, 2)', '{"price": 1.159}')""")
print(f"from CSV {csv}, from JSON {json}")
assert csv == json == ["1.15"]
AMOUNTS = "from (select number / 100 amount from numbers(10000))"
WRONG = f"select countIf(toDecimal64(amount, 2) != toDecimal64(toString(amount), 2)) {AMOUNTS}"
SUM = f"select sum(toDecimal64(amount, 2)), sum(toDecimal64(toString(amount), 2)) {AMOUNTS}"
print(f"amounts that differ: {clickhouse(WRONG)}, sums {clickhouse(SUM)}")
assert clickhouse(WRONG) == ["573"] and clickhouse(SUM) == ["499944.27,499950"]
quotients = clickhouse("select toDecimal64('9.99', 2) / 1000, toDecimal64('9.99', 6) / 1000")
again = clickhouse("select toDecimal64(round(1.15, 2), 2), round(toDecimal64('1.159', 6), 2)")
print(f"9.99 / 1000: {quotients}; round() before and behind: {again}")
assert quotients == ["0,0.00999"] and again == ["1.14,1.16"]
PYTHON
