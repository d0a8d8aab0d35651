#!/usr/bin/env bash
# Polars' %Z reads the name of a time zone and forgets it: 18:00 PST, 18:00 CEST and 18:00 GMT are one moment.
#
# Seen with polars 2.1.0 (2026-11-30, Linux x86-64, Python 3.11): str.to_datetime with %Z accepts any word there, also
# one that is no zone, and gives a time without a zone; what follows takes it for UTC, eight hours off for PST. Python's
# strptime takes UTC, GMT and the machine's own names, and raises ValueError for others. %z, with an offset in digits,
# is converted to UTC as one expects. A column of one zone is read by writing the name as plain text into the format and
# naming the zone with replace_time_zone.
#
# Fails when the name moves the time, or is refused.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import polars as pl

ZONES = ["GMT", "PST", "CEST", "FRIDGE"]
FORMAT = "%d/%m/%Y %H:%M "
named = pl.Series([f"29/11/2026 18:00 {zone}" for zone in ZONES]).str.to_datetime(FORMAT + "%Z")
offset = pl.Series(["29/11/2026 18:00 -0800"]).str.to_datetime(FORMAT + "%z")
for zone, read in zip(ZONES, named, strict=True):
    print(f"18:00 {zone}: {read}")
print(f"18:00 -0800: {offset[0]}")
assert named.dtype == pl.Datetime("us", None)
assert named.n_unique() == 1
assert offset[0].isoformat() == "2026-11-30T02:00:00+00:00"
PYTHON
