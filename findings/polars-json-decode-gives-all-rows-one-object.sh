#!/usr/bin/env bash
# Polars' streaming engine gives every row the one object that str.json_decode made of all of them.
#
# Seen with polars 2.1.0 (2026-11-29, Linux x86-64, Python 3.11): json_decode puts a comma between the texts of a column and
# decodes them as one array. Two texts of which neither is JSON can be one element together. The in-memory engine sees one
# value for two rows, and raises InvalidOperationError. The streaming engine takes the one value for a scalar and repeats
# it: both rows get a text that stands in neither. Which rows are decoded together depends on the number of threads, so
# the same file is an error on one machine and wrong data on another. Here one object was cut in two in the middle of a
# text, as a reader does that splits concatenated JSON at "}{".
#
# Fails when the streaming engine raises too, or the in-memory engine no longer does.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cat > "$folder/decode.py" <<'PYTHON'
import sys

import polars as pl

rows = pl.LazyFrame({"text": ['{"name":"a}', '{b"}']})
decoded = pl.col("text").str.json_decode(pl.Struct({"name": pl.String})).struct.field("name")
try:
    print(rows.with_columns(decoded).collect(engine=sys.argv[1])["name"].to_list())
except pl.exceptions.PolarsError as error:
    print(type(error).__name__)
PYTHON
for threads in 1 2; do
    for engine in in-memory streaming; do
        POLARS_MAX_THREADS=$threads "$folder/env/bin/python" "$folder/decode.py" "$engine" > "$folder/said"
        echo "$threads threads, $engine: $(cat "$folder/said")" | tee -a "$folder/all"
    done
done
grep -qxF "1 threads, streaming: ['a},{b', 'a},{b']" "$folder/all"
grep -qxF "1 threads, in-memory: InvalidOperationError" "$folder/all"
grep -qxF "2 threads, streaming: ComputeError" "$folder/all"
