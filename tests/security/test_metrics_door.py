"""The metrics' server as a crowd of silent callers meets it, and while nothing can be read."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest
import requests

from fridge_pipeline.cli.metrics import CALLERS_MAX, _Metrics, _Server
from fridge_pipeline.database.connection import DatabaseEncodingError
from fridge_pipeline.operations.expose_signals import Exposition
from fridge_pipeline.operations.rules.signals import Sample
from fridge_pipeline.orchestration.own_pages import OwnNames
from tests.serving import HOST, serving

INNER = "secret-of-the-server"


@contextmanager
def served(read: Callable[[], list[Sample]]) -> Iterator[str]:
    handler = partial(_Metrics, Exposition(read, fresh_seconds=0), OwnNames.of(HOST))
    with serving(_Server((HOST, 0), handler)) as address:
        yield f"{address}/metrics"


@pytest.mark.parametrize("error", [DatabaseEncodingError(INNER), KeyError(INNER), MemoryError(INNER)])
def test_what_cannot_be_read_is_a_calm_503_with_nothing_of_the_error(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def read() -> list[Sample]:
        raise error

    with served(read) as address:
        answer = requests.get(address, timeout=20)
    assert (answer.status_code, INNER in answer.text) == (503, False)
    assert "Traceback" not in answer.text
    assert caplog.messages == ["the signals could not be read"]


def test_silent_callers_take_no_more_threads_than_there_are_places(capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with served(list) as address, ExitStack() as stack:
        host, port = "127.0.0.1", int(address.split(":")[2].partition("/")[0])
        callers = [stack.enter_context(socket.create_connection((host, port), timeout=20)) for _ in range(CALLERS_MAX)]
        late = stack.enter_context(socket.create_connection((host, port), timeout=20))
        assert late.recv(1) == b"", "who comes too late is told so at once, by the end of the connection"
        assert threading.active_count() - before <= CALLERS_MAX + 2
        for caller in callers:
            caller.shutdown(socket.SHUT_RDWR)
        for _ in range(100):
            try:
                answer = requests.get(address, timeout=20)
                break
            except requests.ConnectionError:
                continue
        assert answer.status_code == 200
    assert "Traceback" not in capfd.readouterr().err
