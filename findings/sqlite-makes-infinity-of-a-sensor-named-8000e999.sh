#!/usr/bin/env bash
# SQLite makes Infinity of a sensor named 8000E999 in a column of type STRING, and one sensor of all that look like it.
#
# Seen with SQLite 3.40 by Python's sqlite3 and duckdb 2.0.1 (2026-12-01, Linux x86-64, Python 3.11): SQLite goes by
# pieces of a type's name: CHAR, CLOB and TEXT mean text, INT whole numbers, all unknown words numbers. STRING, as Hive,
# BigQuery and many hand-written schemas have it, is unknown, so text that looks like a number becomes one: the address
# 00112233 is 112233, 0012E045 is 1.2e+46, and every one with a large E is Infinity, as 8000E999 and 7000E998, a UNIQUE
# conflict that "insert or ignore" answers by dropping the sensor. Of all addresses of eight hexadecimal digits, as
# LoRaWAN's DevAddr, 3.7 in a hundred change so. FLOATING POINT holds INT: 4.0 is 4, an eighth of it 0. DuckDB keeps
# STRING as text. Write TEXT, or make the table STRICT, which refuses STRING.
#
# Fails when SQLite keeps the names, or DuckDB does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import random
import sqlite3

import duckdb

NAMES = ["00112233", "0012E045", "8000E999", "7000E998", "0004A30B"]
for engine, connection in {"SQLite": sqlite3.connect(":memory:"), "DuckDB": duckdb.connect()}.items():
    connection.execute("create table sensors (name string primary key)")
    for name in NAMES:
        connection.execute("insert or ignore into sensors values (?)", [name])
    found = [name for (name,) in connection.execute("select name from sensors").fetchall()]
    print(f"{engine}: {len(found)} of {len(NAMES)} sensors, {found}")
    assert set(found) == (set(NAMES) if engine == "DuckDB" else {112233, 1.2e46, float("inf"), "0004A30B"})
connection = sqlite3.connect(":memory:")
connection.execute("create table sensors (name string, as_text text, degrees floating point)")
chosen = random.Random(1)
addresses = [(f"{chosen.getrandbits(32):08X}",) * 2 for _ in range(100_000)]
connection.executemany("insert into sensors (name, as_text) values (?, ?)", addresses)
(changed,) = connection.execute("select count(*) from sensors where typeof(name) <> 'text'").fetchone()
(names, texts) = connection.execute("select count(distinct name), count(distinct as_text) from sensors").fetchone()
print(f"{changed} of {len(addresses)} random addresses are numbers; {texts} texts are {names} names")
assert (changed, texts, names) == (3756, 99_998, 99_153)
connection.execute("insert into sensors (degrees) values (4.0)")
degrees = connection.execute("select degrees, degrees / 8 from sensors where degrees is not null").fetchone()
print(f"4.0 as floating point, and an eighth of it: {degrees}")
assert degrees == (4, 0) and isinstance(degrees[0], int)
PYTHON
