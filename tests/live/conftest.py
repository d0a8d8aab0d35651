"""One running installation with the demo's data for all tests of a worker: it takes half a minute."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.live.running_fridge import RunningFridge, running_fridge

USUAL_PORT = 3000


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFridge]:
    """``fridge demo`` with its UI up, while another program has port 3000."""
    home = tmp_path_factory.mktemp("live") / "fridge home"
    with closing(socket.socket()) as other:
        with suppress(OSError):  # then some other program has it already, which is as good
            other.bind(("127.0.0.1", USUAL_PORT))
            other.listen()
        with running_fridge(home, "demo") as started:
            yield started


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first, so that no worker is still at them when the others have ended."""
    items.sort(key=lambda item: not item.path.is_relative_to(Path(__file__).parent))
