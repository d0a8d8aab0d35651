"""What is asked of Dagster by a process that does without it: ``python -m fridge_pipeline.orchestration.ask_dagster``.

``storage`` makes its tables, ``lost RUN …`` reports runs that have lost their process, ``reload SOCKET`` has a code
server load its code anew.
"""

from __future__ import annotations

import sys

import dagster as dg
from dagster._grpc.client import DagsterGrpcClient

from fridge_pipeline.orchestration.runs import report_lost_runs

#: What the UI's button *Reload* has at most.
RELOAD_SECONDS_MAX = 120


def main(what: str, *about: str) -> None:
    """Asks it, and ends."""
    if what == "reload":
        DagsterGrpcClient(socket=about[0]).reload_code(timeout=RELOAD_SECONDS_MAX)
        return
    with dg.DagsterInstance.get() as instance:
        if what == "lost":
            report_lost_runs(instance, about)


if __name__ == "__main__":
    main(*sys.argv[1:])
