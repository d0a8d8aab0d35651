#!/usr/bin/env bash
# Polars' inner join of one row with one row never matches NaN; with a second row on either side it does.
#
# Seen with polars 2.1.0 (2026-11-30, Linux x86-64, Python 3.11): NaN equals NaN in polars' filters, is_in, unique,
# group_by and joins. The in-memory engine answers a join of two frames of one row each by a way of its own, which does
# not know that. inner finds nothing and left finds no partner; semi, anti and the streaming engine find one. So inner
# and anti together lose the row, and code that was tried with one row goes wrong, or code that was tried with many goes
# wrong on the hour with one.
#
# Fails when one row joins like two, or two like one.
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

NAN = float("nan")


def heights(rows, engine):
    """How many rows each kind of join of a frame with itself gives."""
    frame = pl.LazyFrame({"key": [NAN, 1.0][:rows]})
    return {
        how: frame.join(frame, on="key", how=how).collect(engine=engine).height for how in ("inner", "semi", "anti")
    }


found = {(rows, engine): heights(rows, engine) for rows in (1, 2) for engine in ("in-memory", "streaming")}
for (rows, engine), each in found.items():
    print(f"{rows} row(s), {engine}: {each}")
assert found[1, "in-memory"] == {"inner": 0, "semi": 1, "anti": 0}
assert found[1, "streaming"] == {"inner": 1, "semi": 1, "anti": 0}
assert found[2, "in-memory"] == found[2, "streaming"] == {"inner": 2, "semi": 2, "anti": 0}
PYTHON
