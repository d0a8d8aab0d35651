#!/usr/bin/env bash
# dlt puts the first half degree after whole ones into a column of its own, and five names of a record into two columns.
#
# Seen with dlt 1.31.0 and duckdb 2.0.1 (2026-12-01, Linux x86-64, Python 3.11): a column has the type of the first
# load. What does not fit goes, without an error, to a new column beside it, value__v_double and value__v_text, and the
# row has NULL where the value belongs. After a morning of 4 and 5 degrees, sum, mean and count of value leave out 4.5
# and all later halves, while a 7.0 of the same sensor is still there. Names are made fit for SQL: "Sensor ID",
# "SensorId" and "sensor_id" of one record are one column with the value of the last, and so are "Temp°C" and "temp_c".
# Both are documented as features; the count of rows is right. Give columns= with types from the first load on, or
# schema_contract={"data_type": "freeze"}, which makes it an error while the table has no such column yet.
#
# Fails when a value stays in its column, or a name is kept.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    dlt==1.31.0 duckdb==2.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env RUNTIME__DLTHUB_TELEMETRY=false RUNTIME__LOG_LEVEL=WARNING env/bin/python - <<'PYTHON'
import os

import dlt


def pipeline(name):
    """One of its own, in this folder."""
    destination, folder = dlt.destinations.duckdb(f"{name}.duckdb"), os.path.join(os.getcwd(), name)
    return dlt.pipeline(name, destination=destination, dataset_name="usage", pipelines_dir=folder)


def rows(of, query):
    with of.sql_client() as client:
        return [tuple(row) for row in client.execute_sql(query)]


readings = pipeline("readings")
readings.run([{"sensor": "a", "value": 4}, {"sensor": "b", "value": 5}], table_name="readings")
later = [{"sensor": "a", "value": 4.5}, {"sensor": "b", "value": 7.0}, {"sensor": "c", "value": "7.25"}]
readings.run(later, table_name="readings")
every = "select sensor, value, value__v_double, value__v_text from readings order by _dlt_load_id, sensor"
kept = rows(readings, every)
totals = rows(readings, "select count(*), count(value), sum(value)::int from readings")
print(f"{kept}\nrows, values and sum: {totals}")
assert kept == [
    ("a", 4, None, None),
    ("b", 5, None, None),
    ("a", None, 4.5, None),
    ("b", 7, None, None),
    ("c", None, None, "7.25"),
]
assert totals == [(5, 3, 16)]
wide = pipeline("wide")
record = {"Sensor ID": "one", "sensor_id": "two", "SensorId": "three", "Temp°C": 4.2, "temp_c": -18.5}
wide.run([record], table_name="wide")
columns = "select column_name from information_schema.columns where table_name = 'wide'"
names = sorted(name for (name,) in rows(wide, columns) if not name.startswith("_dlt"))
print(f"{len(record)} names become {names}: {rows(wide, 'select sensor_id, temp_c from wide')}")
assert names == ["sensor_id", "temp_c"] and rows(wide, "select sensor_id, temp_c from wide") == [("three", -18.5)]
frozen = pipeline("frozen")
frozen.run([{"value": 4}], table_name="readings")
try:
    frozen.run([{"value": 4.5}], table_name="readings", schema_contract={"data_type": "freeze"})
except Exception as error:
    print(f"frozen: {type(error).__name__}")
else:
    raise SystemExit("the frozen column takes it")
typed = pipeline("typed")
for value in (4, 4.5):
    typed.run([{"value": value}], table_name="readings", columns={"value": {"data_type": "double"}})
assert rows(typed, "select sum(value) from readings") == [(8.5,)]
PYTHON
