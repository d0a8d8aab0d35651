"""The sandbox as a process: its port, its readiness and its end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stripe_sandbox.server import bound_socket
from tests.sandbox_process import running_sandbox, start_sandbox

if TYPE_CHECKING:
    from pathlib import Path


def test_the_address_file_names_the_sandbox_while_it_runs_and_no_longer(tmp_path: Path) -> None:
    address = tmp_path / "run" / "sandbox.json"
    with running_sandbox(None, "--address-file", str(address)) as sandbox:
        assert json.loads(address.read_text()) == {"url": sandbox.url, "pid": sandbox.process.pid}
        assert sandbox.health()["status"] == "ok"
    assert list(address.parent.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_sandbox_that_is_asked_to_end_exits_with_0(how: signal.Signals) -> None:
    sandbox = start_sandbox()
    sandbox.client().v1.billing.meters.list()  # leaves a connection open, as clients do
    sandbox.process.send_signal(how)
    assert sandbox.stop() == 0


def test_its_former_name_still_starts_it() -> None:
    command = [sys.executable, "-m", "fridge_pipeline.stripe_sandbox", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.startswith("usage: python -m stripe_sandbox")


def test_a_taken_port_is_left_for_a_free_one_unless_exactly_it_was_asked_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = start_sandbox(port=port)
        try:
            assert other.url.startswith("http://127.0.0.1:")
            assert other.url != f"http://127.0.0.1:{port}"
        finally:
            other.stop()
        with pytest.raises(RuntimeError, match="ended with 1"):
            start_sandbox(None, "--exact-port", port=port)


def test_two_sandboxes_that_are_started_at_the_same_moment_never_answer_on_one_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The first one serves nothing yet.
    with (
        bound_socket("127.0.0.1", port, exact_port=False) as one,
        bound_socket("127.0.0.1", port, exact_port=False) as other,
    ):
        assert one.getsockname()[1] == port
        assert other.getsockname()[1] != port
