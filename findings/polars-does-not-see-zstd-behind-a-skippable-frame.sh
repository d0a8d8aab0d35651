#!/usr/bin/env bash
# polars reads a zstd file as plain text when its first frame is a skippable one, as in every file of pzstd.
#
# Seen with polars 2.1.0, pyarrow 26.0.1 and duckdb 2.0.1 (2026-11-30, Linux x86-64, Python 3.11): polars tells by the
# first four bytes whether a file is compressed, and knows one number for zstd. RFC 8878 has frames that a decoder is to
# skip, with sixteen other numbers; pzstd (issue 3255 of facebook/zstd) begins each file with one, and others keep names
# or an index there. read_csv, scan_csv, read_ndjson and scan_lines then fail over UTF-8 that is none. With the frame
# between two others, or behind all, polars reads the file. pyarrow and DuckDB, which go by the name, read all of them.
# Archives that a nightly job packs on many cores are closed to polars while those of a single core open.
#
# Fails when polars reads the file, or another one does not.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    polars==2.1.0 pyarrow==26.0.1 duckdb==2.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
env/bin/python - <<'PYTHON'
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.csv


def frame(text):
    """A frame of zstd."""
    return pa.compress(text, codec="zstd", asbytes=True)


SKIPPED = (0x184D2A50).to_bytes(4, "little") + (4).to_bytes(4, "little") + b"note"
FIRST, SECOND = frame(b"sensor,t\na,4.2\n"), frame(b"b,4.3\n")
FILES = {
    "first.csv.zst": SKIPPED + FIRST + SECOND,
    "between.csv.zst": FIRST + SKIPPED + SECOND,
    "last.csv.zst": FIRST + SECOND + SKIPPED,
}
READERS = {
    "polars read_csv": lambda name: pl.read_csv(name).rows(),
    "polars scan_csv": lambda name: pl.scan_csv(name).collect().rows(),
    "pyarrow": lambda name: [tuple(row.values()) for row in pyarrow.csv.read_csv(name).to_pylist()],
    "DuckDB": lambda name: duckdb.connect().execute(f"from '{name}'").fetchall(),
}
for name, content in FILES.items():
    with open(name, "wb") as file:
        file.write(content)
    for who, read in READERS.items():
        try:
            rows = read(name)
        except pl.exceptions.ComputeError as error:
            rows = None
            print(f"{name}, {who}: {error}")
        is_closed = name == "first.csv.zst" and who.startswith("polars")
        assert rows == (None if is_closed else [("a", 4.2), ("b", 4.3)]), (name, who, rows)
    print(f"{name}: read, but for these errors")
PYTHON
