#!/usr/bin/env bash
# Two ways of polars to count by two hours, group_by_dynamic and dt.truncate, disagree after a change of the clock, and
# go on disagreeing.
#
# Seen with polars 2.1.0 (2026-11-30, Linux x86-64, Python 3.11): the documentation gives the windows as start, start +
# every, start + 2*every, and they go on in elapsed time; dt.truncate begins anew at each midnight of the clock. In the
# night of 2026-10-25 in Europe/Paris windows of two hours begin at 00:00, 02:00 +02:00, 03:00 +01:00 and 05:00 +01:00;
# the truncated times are 00:00, 02:00 +02:00 (one hour long), 02:00 +01:00 and 04:00 +01:00. The windows keep the odd
# hours for as long as the frame goes on, and a frame that begins a day later has even ones: what is counted depends on
# where a series was cut. With 1h and 1d both agree.
#
# Fails when both count alike.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from datetime import datetime

import polars as pl

FIRST, END = datetime(2026, 10, 24, 22), datetime(2026, 10, 27, 22)
times = pl.datetime_range(FIRST, END, "30m", closed="left", time_zone="UTC", eager=True)
frame = pl.DataFrame({"t": times.dt.convert_time_zone("Europe/Paris")})


def windows(frame, every):
    """Start and count of each."""
    return frame.group_by_dynamic("t", every=every).agg(pl.len()).rows()


def truncated(frame, every):
    """Start and count of each."""
    return frame.group_by(pl.col("t").dt.truncate(every), maintain_order=True).agg(pl.len()).rows()


for every in ("1h", "1d"):
    assert windows(frame, every) == truncated(frame, every)
for name, rows in (("group_by_dynamic", windows(frame, "2h")), ("dt.truncate", truncated(frame, "2h"))):
    print(f"{name}: {', '.join(f'{start.isoformat()} {count}' for start, count in rows[:5])}, …")
    print(f"  two days later: {', '.join(start.isoformat() for start, _ in rows[-2:])}")
assert [start.isoformat()[11:] for start, _ in windows(frame, "2h")[:4]] == [
    "00:00:00+02:00", "02:00:00+02:00", "03:00:00+01:00", "05:00:00+01:00"
]
assert [start.isoformat()[11:] for start, _ in truncated(frame, "2h")[:4]] == [
    "00:00:00+02:00", "02:00:00+02:00", "02:00:00+01:00", "04:00:00+01:00"
]
assert [count for _, count in truncated(frame, "2h")[:4]] == [4, 2, 4, 4]
assert windows(frame, "2h")[-1][0].hour == 21 and truncated(frame, "2h")[-1][0].hour == 22
later = frame.filter(pl.col("t").dt.convert_time_zone("UTC").dt.replace_time_zone(None) >= datetime(2026, 10, 25, 23))
odd = {start.hour % 2 for start, _ in windows(frame, "2h")[-6:]}
even = {start.hour % 2 for start, _ in windows(later, "2h")}
print(f"hours of the windows modulo 2: {odd}, of those of the same times begun at midnight: {even}")
assert odd == {1} and even == {0}
PYTHON
