"""Dagster's code server with runs that are warm: ``python -m fridge_pipeline.orchestration.warm_code_server``.

Options are those of ``dagster api grpc``. Asked to reload its code, as by the UI's button, it ends as soon as no run is
under way: whoever keeps it up starts it again, with the code as it is then.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from dagster._cli import api
from dagster._grpc import impl, server
from dagster._grpc.__generated__ import dagster_api_pb2

from fridge_pipeline import definitions
from fridge_pipeline.database.program import program_identity
from fridge_pipeline.database.queries import statements
from fridge_pipeline.orchestration import dagster_storage
from fridge_pipeline.orchestration.forked_runs import Forks, fork_server
from fridge_pipeline.orchestration.instance import hold_connections
from fridge_pipeline.settings import MODELS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc  # type: ignore[import-untyped]
    from dagster import DagsterEvent, DagsterInstance

#: Imported for the processes that are forked.
IMPORTED_BEFORE = (definitions, dagster_storage, impl)

#: Of the files as they are loaded here: what runs put on record, and their SQL. A later pull changes neither.
LOADED_BEFORE = (program_identity(MODELS_FOLDER), statements())

PAUSE_SECONDS = 0.1

core_execute_run = impl.core_execute_run


class WarmApiServer(server.DagsterApiServer):
    """Dagster's own, whose runs are forked; ``forks`` is set where it is served."""

    forks: Forks | None

    def __init__(self, **named: Any) -> None:  # whatever Dagster hands on
        super().__init__(**named)
        if self.forks is not None:
            self._mp_ctx = self.forks  # type: ignore[assignment] # as far as it is used

    def ReloadCode(  # noqa: N802 # theirs
        self, _request: dagster_api_pb2.ReloadCodeRequest, context: grpc.ServicerContext
    ) -> dagster_api_pb2.ReloadCodeReply:
        """Waits until no run is under way, and ends. Runs may begin meanwhile."""
        while context.is_active():
            with self._execution_lock:
                if not self._executions:
                    self._shutdown_once_executions_finish_event.set()
                    break
            time.sleep(PAUSE_SECONDS)
        return dagster_api_pb2.ReloadCodeReply()


def execute_run(job: Any, run: Any, instance: DagsterInstance, **named: Any) -> Iterator[DagsterEvent]:
    """Dagster's own, in the run's process, with connections that are kept: its events were hundreds of them."""
    hold_connections(instance)
    return core_execute_run(job, run, instance, **named)


#: Here, before anything is forked: runs are not forked from the process that serves.
impl.core_execute_run = execute_run  # type: ignore[assignment]


def serve(forks: Forks | None) -> None:
    """Serves in this process until it is ended."""
    WarmApiServer.forks = forks
    server.DagsterApiServer = WarmApiServer  # type: ignore[misc, assignment] # the command takes it from there
    api.grpc_command()


if __name__ == "__main__":
    if sys.platform == "darwin":  # whose libraries do not survive a fork
        serve(None)
    sys.exit(fork_server(serve))
