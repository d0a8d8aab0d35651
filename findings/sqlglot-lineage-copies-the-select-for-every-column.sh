#!/usr/bin/env bash
# sqlglot's lineage() copies the whole select for every column that is asked for, even when it is given a scope.
#
# Seen with sqlglot 30.30.0 (2026-11-29, Linux x86-64, Python 3.11): the usual advice for many columns, to qualify once and
# to hand qualified expression and scope to lineage(), leaves most of the time where it was. For the labels of a drawing
# each node gets a select that is trimmed to its column, which is a deep copy of the select and all that is below it.
# trim_selects=False together with copy=False gives the same sources of every column, several times faster: here a chain
# of five common table expressions with 40 columns.
#
# Fails when the answers differ, or when the default is no longer at least twice as slow.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check sqlglot==30.30.0 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
"$folder/env/bin/python" - <<'PYTHON'
import time

from sqlglot import exp, parse_one
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

COLUMNS = [f"c{number}" for number in range(40)]
schema = {"s": {"t": dict.fromkeys(COLUMNS, "int")}}
steps = [f"s0 as (select {', '.join(COLUMNS)} from s.t)"]
steps += [f"s{n} as (select {', '.join(f'{c} + 1 as {c}' for c in COLUMNS)} from s{n - 1})" for n in range(1, 5)]
query = f"with {', '.join(steps)} select * from s4"
qualified = qualify(parse_one(query, dialect="postgres"), dialect="postgres", schema=schema)
scope = build_scope(qualified)


def sources(**options):
    begun = time.perf_counter()
    found = {}
    for column in COLUMNS:
        root = lineage(column, qualified, dialect="postgres", schema=schema, scope=scope, **options)
        found[column] = sorted(node.name for node in root.walk() if isinstance(node.expression, exp.Table))
    return found, time.perf_counter() - begun


usual, usual_seconds = sources()
lean, lean_seconds = sources(trim_selects=False, copy=False)
print(f"default {usual_seconds:.2f} s, without copies {lean_seconds:.2f} s: {usual_seconds / lean_seconds:.1f} times")
assert usual == lean, "the sources differ"
assert all(usual.values())
assert usual_seconds > 2 * lean_seconds, "the copies cost little now"
PYTHON
