#!/usr/bin/env bash
# `import polars` alone makes a process multi-threaded, and Python's own count of threads stays at one.
#
# Seen with polars 2.1.0 and pyarrow 26.0.1 (2026-11-30, Linux x86-64): after polars' import the kernel shows further
# threads of the process (one that cleans up for out-of-core work, and of the allocator), after pyarrow's one of its
# allocator; threading.active_count() shows one each time.
# A server that is to fork its workers, and checks by `threading` that nothing else runs, takes itself for single-threaded.
# A fork copies none of them: the child has one thread. It worked in the child all the same: a query there, which starts
# polars' own pool of workers anew, gave its result in each of 20 children. After pyarrow's import there is one thread.
#
# Fails when an import of polars starts no thread any more, when pyarrow's does, or when a child does not answer.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 pyarrow==26.0.1 2> "$folder/pip.log" ||
    { cat "$folder/pip.log"; exit 1; }
cd "$folder"
cat > threads.py <<'PYTHON'
import os


def names():
    return sorted(open(f"/proc/self/task/{each}/comm").read().strip() for each in os.listdir("/proc/self/task"))
PYTHON
env/bin/python -c 'import pyarrow, threads; found = threads.names(); print("pyarrow:", found); assert len(found) > 1'
env/bin/python - <<'PYTHON'
import os
import threading

import threads

assert len(threads.names()) == 1
import polars as pl

found = threads.names()
print(f"polars: {found}; threading counts {threading.active_count()}")
assert len(found) > 1 and threading.active_count() == 1
for _ in range(20):
    child = os.fork()
    if child == 0:
        alone = len(threads.names()) == 1
        sums = pl.LazyFrame({"a": [1, 1, 2], "b": [1.0, 2.0, 3.0]}).group_by("a").agg(pl.col("b").sum()).collect()
        os._exit(0 if alone and sums["b"].sum() == 6.0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("20 children, each with one thread at first, each with its result")
PYTHON
