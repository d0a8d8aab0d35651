#!/usr/bin/env bash
# Restored from a backup, a Delta table answers every question "as of" with its first version, and its history shows
# the right times.
#
# Seen with deltalake 1.6.6 and polars 2.1.0 (2026-12-01, Linux x86-64, Python 3.11): each commit writes its time into
# the log, and history() prints that. load_as_version(time), and polars' read_delta(version=time), go by when the
# files of the log were last modified. A copy that does not keep these times, as of cp, of an object store or of a
# download, makes all commits as young as the copy: each time before it is the version 0, without an error, and no
# version is of that time. What a month's usage was when it was signed then reads as almost nothing; with files that
# look older than they are it reads as today's. (Issue 1972 of delta-io/delta-rs declined the time of the commit; the
# property delta.enableInCommitTimestamps, made for this, is refused by it.) The number of the version, kept beside
# the signature, names the same data in every copy, and history() of the copy finds it by the time.
#
# Fails when the copy answers as the table does, or the property is taken.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    deltalake==1.6.6 polars==2.1.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import os
import pathlib
import shutil
import time
from datetime import datetime, timedelta, timezone

import polars as pl
from deltalake import DeltaTable, write_deltalake

for hour in range(3):
    write_deltalake("table", pl.DataFrame({"hour": [hour], "quantity": [10]}), mode="append")
    time.sleep(1)
shutil.copytree("table", "copy", copy_function=shutil.copy)
shutil.copytree("table", "kept", copy_function=shutil.copy2)
shutil.copytree("table", "old", copy_function=shutil.copy)
for log in pathlib.Path("old/_delta_log").glob("*.json"):
    os.utime(log, (0, 0))


def commits(table):
    """When each version says it was written, the first one first."""
    times = [datetime.fromtimestamp(entry["timestamp"] / 1000, timezone.utc) for entry in DeltaTable(table).history()]
    return sorted(times)


def answers(table):
    """The version and the quantity as of half a second after each commit of the first table."""
    found = []
    for moment in (commit + timedelta(seconds=0.5) for commit in commits("table")):
        delta = DeltaTable(table)
        delta.load_as_version(moment)
        found.append((delta.version(), pl.read_delta(table, version=moment)["quantity"].sum()))
    return found


EACH, FIRST, LAST = [(0, 10), (1, 20), (2, 30)], [(0, 10)] * 3, [(2, 30)] * 3
for table, expected in {"table": EACH, "kept": EACH, "copy": FIRST, "old": LAST}.items():
    found = answers(table)
    print(f"{table}: as of each commit {found}, {len(commits(table))} commits in the history")
    assert found == expected and commits(table) == commits("table")
assert [pl.read_delta("copy", version=version)["quantity"].sum() for version in range(3)] == [10, 20, 30]
try:
    write_deltalake("other", pl.DataFrame({"hour": [0]}), configuration={"delta.enableInCommitTimestamps": "true"})
except Exception as error:
    print(f"delta.enableInCommitTimestamps: {type(error).__name__}: {error}")
else:
    raise SystemExit("the property is taken")
PYTHON
