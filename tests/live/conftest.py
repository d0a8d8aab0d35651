"""One running installation with the demo's data for all tests of a file: it takes half a minute."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.live.running_fridge import RunningFridge, running_fridge

#: Opens nothing.
CLOUD_SECRET = "a-secret-of-the-store"


@pytest.fixture(scope="session")
def taken_port() -> Iterator[int]:
    """A port that another program has for as long as the tests run. Not 3000: other workers' tests use that one."""
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, taken_port: int) -> Iterator[RunningFridge]:
    """``fridge demo`` with its UI up, asked for a port that another program has, and with a secret to keep."""
    home = tmp_path_factory.mktemp("live") / "fridge home"
    secret = {"AWS_SECRET_ACCESS_KEY": CLOUD_SECRET}
    with running_fridge(home, "demo", "--port", str(taken_port), **secret) as started:
        yield started


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first, so that no worker is still at them when the others have ended."""
    items.sort(key=lambda item: not item.path.is_relative_to(Path(__file__).parent))
