"""One running installation with the demo's data for all tests that look at one: it takes half a minute."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from tests.live.running_fridge import RunningFridge, running_fridge

#: Opens nothing.
CLOUD_SECRET = "a-secret-of-the-store"

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy")


@contextmanager
def dead_proxies() -> Iterator[dict[str, str]]:
    """Every variable that names a proxy, at a port where nobody answers; with a host that the user excepts."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else can have it
        yield {**dict.fromkeys(PROXIES, f"http://127.0.0.1:{taken.getsockname()[1]}"), "NO_PROXY": "intranet.example"}


@pytest.fixture(scope="session")
def taken_port() -> Iterator[int]:
    """A port that another program has for as long as the tests run. Not 3000: other workers' tests use that one."""
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory, taken_port: int) -> Iterator[RunningFridge]:
    """``fridge demo`` with its UI up, asked for a port that another program has, and with a secret to keep.

    It is started by somebody whose umask hides nothing, behind a proxy that is dead, and its grid holds hours before
    the demo's too.
    """
    home = tmp_path_factory.mktemp("live") / "fridge home"
    secret = {"AWS_SECRET_ACCESS_KEY": CLOUD_SECRET, "FRIDGE_PARTITIONS_START": "2026-01-01-00:00"}
    with ExitStack() as running:
        variables = {**secret, **running.enter_context(dead_proxies())}
        with open_umask():
            started = running.enter_context(running_fridge(home, "demo", "--port", str(taken_port), **variables))
        yield started


@contextmanager
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)
