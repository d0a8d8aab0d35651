#!/usr/bin/env bash
# An ORC file of pyorc holds a counter of 3,000,000,000 that pyarrow reads as -1,294,967,296, and pyorc itself reads
# well.
#
# Seen with pyorc 0.12.0 and pyarrow 26.0.1 (2026-12-01, Linux x86-64, Python 3.11): ORC writes whole numbers of all
# widths as one kind of number of variable length; the width stands in the schema alone. pyorc checks none:
# 3,000,000,000 in an int and 40,000 in a smallint are stored as they are and come back from pyorc whole, so that a
# round trip proves nothing. Every reader that keeps to the schema cuts them: pyarrow gives -1,294,967,296 and -25,536.
# A tinyint is cut by pyorc itself, 300 to 44, and a decimal(10,2) is rounded half to even, 4.205 to 4.20 and 4.215 to
# 4.22. Counters of pulses and of bytes outgrow an int in the middle of a month, in one file among many. Declare bigint,
# whatever the first values are.
#
# Fails when pyorc refuses one of them, or pyarrow reads them whole.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    pyorc==0.12.0 pyarrow==26.0.1 tzdata==2026.6 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
from decimal import Decimal

import pyarrow.orc
import pyorc

SCHEMA = "struct<pulses:int,minutes:smallint,battery:tinyint,amount:decimal(10,2)>"
ROWS = [(2_147_483_647, 32_767, 100, Decimal("4.205")), (3_000_000_000, 40_000, 300, Decimal("4.215"))]
with open("readings.orc", "wb") as file, pyorc.Writer(file, SCHEMA) as writer:
    writer.writerows(ROWS)
with open("readings.orc", "rb") as file:
    by_pyorc = list(pyorc.Reader(file))
by_pyarrow = [tuple(row.values()) for row in pyarrow.orc.read_table("readings.orc").to_pylist()]
for written, first, second in zip(ROWS, by_pyorc, by_pyarrow, strict=True):
    print(f"written {written}\n  pyorc {first}\n  pyarrow {second}")
fits = (2_147_483_647, 32_767, 100, Decimal("4.20"))
assert by_pyorc == [fits, (3_000_000_000, 40_000, 44, Decimal("4.22"))]
assert by_pyarrow == [fits, (-1_294_967_296, -25_536, 44, Decimal("4.22"))]
PYTHON
