"""One process of ``make fuzz``: ``python -m tests.fuzz --files 1000 --seed 1 --home FOLDER --tally FILE``."""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import json
import resource
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from fridge_pipeline.database.connection import Database
from fridge_pipeline.operations.memory_limit import memory_bounded
from fridge_pipeline.operations.prepare_database import prepare_database
from fridge_pipeline.settings import MODELS_FOLDER
from tests.fuzz.campaign import COPIES_EVERY, Tally, batch, keep, run_batch, smallest
from tests.fuzz.laws import Ground
from tests.kept_connections import database_of
from tests.world import PREPARED, World

BATCH_FILES = 500
#: So much more memory than it has when it starts a process may hold during a load.
MEMORY_BYTES_MAX = 2**30
#: The kernel gives a load no more than this, touched or not, so that no file takes the machine with it.
LIMIT_BYTES = 3 * 2**30
#: As many distinct failures are shrunk and kept; the rest is counted.
FINDINGS_MAX = 5


def main() -> int:
    """Exit code 0 when no law was broken, else 1."""
    asked = _parser().parse_args()
    faulthandler.enable()  # whoever is given no more memory may end without a word
    with World(asked.home) as world, ExitStack() as databases:
        world.template(PREPARED, lambda dsn: prepare_database(Database(dsn), MODELS_FOLDER, datetime.now(UTC)))

        def fresh_ground() -> Ground:
            return _ground(databases.enter_context(world.database()), asked.home)

        ground = fresh_ground()
        tally, number, start = Tally(), asked.first_batch, _peak_bytes()
        while tally.files < asked.files:
            size = min(BATCH_FILES, max(asked.files - tally.files, 10))
            _forget_peak()
            files, intact = batch(asked.seed, number, size)
            to_make, copies = _peak_bytes() - start, number % COPIES_EVERY == 0
            _forget_peak()
            with memory_bounded(LIMIT_BYTES):
                broken = run_batch(ground, files, intact, copies=copies)
            to_load = _peak_bytes() - start
            if broken:
                where = f"seed {asked.seed} batch {number} of {size}: {broken[0]}"
                print(where, flush=True)  # noqa: T201  # shrinking takes a while
                if len(tally.violations) < FINDINGS_MAX:
                    found = smallest(fresh_ground, files, intact, copies=copies)
                    where += f"\nkept as {[path.name for path in keep(found)]}"
                tally.violations.append(where)
            tally.memory_bytes = max(tally.memory_bytes, to_load)
            if to_load > MEMORY_BYTES_MAX:
                tally.violations.append(
                    f"seed {asked.seed} batch {number} of {size} took {to_load} bytes of memory (to make it: {to_make})"
                )
            tally.files += len(files)
            number += 1
            tally.formats.update(
                "by a source" if "~" in name else name.partition(".")[2].lower()[-10:]
                for name in files
                if name[0].isdigit()
            )
            _write(tally, asked.tally, ground)
    return 1 if tally.violations else 0


def _forget_peak() -> None:
    """From now on the peak is that of what follows; where the kernel is Linux (proc(5), clear_refs).

    What an earlier batch let go of is given back first (malloc_trim(3), of glibc): it is no memory of the next.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_bytes() -> int:
    """The most memory that this process held."""
    with suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 2**10)


def _ground(dsn: str, home: Path) -> Ground:
    """A fresh database, and a folder of its name."""
    name = database_of(dsn)
    with psycopg.connect(dsn, autocommit=True) as books:
        books.execute(f"alter database {name} set synchronous_commit = off".encode())
    folder = home / name
    (folder / "work").mkdir(parents=True)
    return Ground(prepare_database(Database(dsn), MODELS_FOLDER, datetime.now(UTC)).database, folder)


def _write(tally: Tally, path: Path, ground: Ground) -> None:
    with ground.database.connect() as connection:
        statuses = connection.execute("select status, count(*) from fridge.landing_files group by 1").fetchall()
        reasons = connection.execute(
            "select reason, sum(row_count)::bigint from fridge.rejected_rows group by 1"
        ).fetchall()
    tally.statuses, tally.reasons = Counter(dict(statuses)), Counter(dict(reasons))
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps({**vars(tally), "at": time.time()}), encoding="utf-8")
    unfinished.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first-batch", type=int, default=0, help="to see one batch again")
    parser.add_argument("--home", type=Path, required=True, help="a folder for server, databases and files")
    parser.add_argument("--tally", type=Path, required=True, help="where to write what it has been through")
    return parser


if __name__ == "__main__":
    sys.exit(main())
