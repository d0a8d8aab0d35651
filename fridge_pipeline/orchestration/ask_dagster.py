"""What is asked of Dagster by a process that does without it: ``python -m fridge_pipeline.orchestration.ask_dagster``.

``storage`` makes its tables, ``lost RUN …`` reports runs that have lost their process.
"""

from __future__ import annotations

import sys

import dagster as dg

from fridge_pipeline.orchestration.runs import report_lost_runs


def main(what: str, *about: str) -> None:
    """Asks it, and ends."""
    with dg.DagsterInstance.get() as instance:
        if what == "lost":
            report_lost_runs(instance, about)


if __name__ == "__main__":
    main(*sys.argv[1:])
