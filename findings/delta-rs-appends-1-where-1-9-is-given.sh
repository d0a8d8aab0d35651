#!/usr/bin/env bash
# delta-rs appends 1.9 to a column of whole numbers as 1, and seconds since 1970 to a timestamp as microseconds.
#
# Seen with deltalake 1.6.6 and polars 2.1.0 (2026-11-30, Linux x86-64, Python 3.11): write_deltalake with mode="append"
# converts each column to the type that the table has, and fails only where a value cannot be converted at all. A double
# loses what is behind the point, a truth becomes 1, the text 7.777 becomes 7.78 in decimal(10,2), the number 1767225600
# in a timestamp is half an hour past midnight on 1970-01-01. Yet a decimal with three places is refused for the same
# column, and a text that is no number too. schema_mode="merge" adds columns and changes no type, so it makes no
# difference. (Issue 3917 of delta-io/delta-rs misses the error that the documentation promised.) polars' own vstack
# raises SchemaError for each of these.
#
# Fails when one of them is refused.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    deltalake==1.6.6 polars==2.1.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from datetime import datetime, timezone

import polars as pl
from deltalake import write_deltalake

MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)
CENTS = pl.Series(["1.50"]).cast(pl.Decimal(10, 2))
GIVEN = {
    "double to long": (pl.Series([5]), pl.Series([1.9])),
    "truth to long": (pl.Series([5]), pl.Series([True])),
    "text to decimal(10,2)": (CENTS, pl.Series(["7.777"])),
    "double to decimal(10,2)": (CENTS, pl.Series([1.125])),
    "seconds to timestamp": (pl.Series([MOMENT]), pl.Series([1767225600])),
    "decimal(10,3) to decimal(10,2)": (CENTS, pl.Series(["1.125"]).cast(pl.Decimal(10, 3))),
    "text to long": (pl.Series([5]), pl.Series(["five"])),
}
found = {}
for number, (what, (there, given)) in enumerate(GIVEN.items()):
    table = f"table-{number}"
    write_deltalake(table, there.alias("value").to_frame())
    try:
        write_deltalake(table, given.alias("value").to_frame(), mode="append", schema_mode="merge" if number % 2 else None)
    except Exception as error:
        found[what] = "refused"
        print(f"{what}: {type(error).__name__}: {error}")
        continue
    found[what] = str(next(each for each in pl.read_delta(table)["value"] if each != there[0]))
    print(f"{what}: {given[0]!r} is {found[what]}")
    try:
        there.to_frame().vstack(given.to_frame())
    except pl.exceptions.SchemaError:
        continue
    raise SystemExit("polars appends it too")
assert found == {
    "double to long": "1",
    "truth to long": "1",
    "text to decimal(10,2)": "7.78",
    "double to decimal(10,2)": "1.13",
    "seconds to timestamp": "1970-01-01 00:29:27.225600+00:00",
    "decimal(10,3) to decimal(10,2)": "refused",
    "text to long": "refused",
}
PYTHON
