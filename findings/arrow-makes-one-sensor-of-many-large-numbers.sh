#!/usr/bin/env bash
# pyarrow reads a column of CSV or JSON with one whole number above 2^63 as doubles, so sensors with long numbers become
# one.
#
# Seen with pyarrow 26.0.1, polars 2.1.0, duckdb 2.0.1 and orjson 3.13.0 (2026-11-30, Linux x86-64, Python 3.11):
# network servers write radio addresses (EUI-64) as whole numbers, half of which lie above 2^63. pyarrow guesses int64,
# then double, never uint64: four addresses of one maker, which differ in their last digits, are one number, and the
# count of sensors is 1. polars guesses Int128 and DuckDB HUGEINT, orjson and Python read whole numbers: 4. The
# addresses below 2^63 in the same file lose their digits too, so one new device changes the numbers of all others. With
# the type named (uint64 or text) pyarrow reads all of them.
#
# Fails when pyarrow keeps them apart, or another one does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1 orjson==3.13.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import json

import duckdb
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.json

NUMBERS = [0x8C1F64FFFE000001, 0x8C1F64FFFE000002, 0x8C1F64FFFE000003, 0x8C1F64FFFE000004]
with open("sensors.csv", "w") as file:
    file.writelines(["sensor\n", *(f"{number}\n" for number in NUMBERS)])
with open("sensors.ndjson", "w") as file:
    file.writelines(f'{{"sensor":{number}}}\n' for number in NUMBERS)
with open("sensors.ndjson") as file:
    lines = file.readlines()
named = pa.csv.ConvertOptions(column_types={"sensor": pa.uint64()})
found = {
    "pyarrow, CSV": pa.csv.read_csv("sensors.csv")["sensor"].to_pylist(),
    "pyarrow, JSON": pa.json.read_json("sensors.ndjson")["sensor"].to_pylist(),
    "pyarrow, CSV as uint64": pa.csv.read_csv("sensors.csv", convert_options=named)["sensor"].to_pylist(),
    "polars, CSV": pl.read_csv("sensors.csv")["sensor"].to_list(),
    "polars, NDJSON": pl.read_ndjson("sensors.ndjson")["sensor"].to_list(),
    "DuckDB, CSV": [number for (number,) in duckdb.connect().execute("from 'sensors.csv'").fetchall()],
    "DuckDB, NDJSON": [number for (number,) in duckdb.connect().execute("from 'sensors.ndjson'").fetchall()],
    "orjson": [orjson.loads(line)["sensor"] for line in lines],
    "Python": [json.loads(line)["sensor"] for line in lines],
}
for who, numbers in found.items():
    print(f"{who}: {len(set(numbers))} sensors, {numbers[0]}")
assert [len(set(numbers)) for numbers in found.values()] == [1, 1, 4, 4, 4, 4, 4, 4, 4]
assert all(numbers == NUMBERS for numbers in list(found.values())[2:])
with open("sensors.csv", "w") as file:
    file.write(f"sensor\n{2**53 + 1}\n{NUMBERS[0]}\n")
assert pa.csv.read_csv("sensors.csv")["sensor"][0].as_py() == 2**53
PYTHON
