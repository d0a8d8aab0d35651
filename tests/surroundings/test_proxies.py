"""A proxy that is set for the way outside, here one that is dead, stands between none of our own parts.

What a whole installation does behind one is in tests/live/test_neighbours.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import grpc  # type: ignore[import-untyped]  # without type information
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.operations.check_health import port_holder
from fridge_pipeline.orchestration.own_environment import settle_environment
from tests.billing.test_connections import Listener, listening
from tests.console_script import Run
from tests.live.conftest import dead_proxies
from tests.pipeline import Pipeline


@pytest.fixture
def dead() -> Iterator[dict[str, str]]:
    with dead_proxies() as variables:
        yield variables


def test_a_bill_with_the_local_sandbox_needs_no_proxy(
    run: Run, pipeline: Pipeline, two_days_ago: datetime, dead: dict[str, str]
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    done = run("bill", "--from", hour.key, "--to", hour.key, STRIPE_API_BASE="", **dead)
    assert done.returncode == 0, done.stderr
    accepted = pipeline.rows("select event_name, value from fridge.meter_events where status = 'accepted' order by 1")
    assert accepted == [("active_sensors", 2), ("temperature_readings", 10)]


def test_env_prints_what_dagsters_own_commands_need_to_go_past_a_proxy(run: Run, dead: dict[str, str]) -> None:
    printed = dict(re.findall(r"export (\w*no_\w*proxy)=(.*)", run("env", **dead).stdout, re.IGNORECASE))
    assert printed.keys() == {"no_proxy", "NO_PROXY", "no_grpc_proxy"}
    assert set(printed.values()) == {"intranet.example,127.0.0.1,localhost,::1"}
    assert "proxy" not in run("env").stdout.lower()


def test_who_has_the_uis_port_is_asked_past_the_proxy(dead: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in dead.items():
        monkeypatch.setenv(name, value)
    body = b'{"dagster_webserver_version": "1.2.3"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with listening(Listener(answer=answer)) as other:
        assert port_holder(int(other.url.rpartition(":")[2])) == "Dagster's UI 1.2.3"
    assert other.heard[0].startswith(b"GET /server_info ")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy"])
@pytest.mark.parametrize("excepted", ["", "*", "intranet.example"])
def test_grpc_by_which_dagster_asks_the_code_server_goes_past_the_proxy(
    dead: dict[str, str], monkeypatch: pytest.MonkeyPatch, host: str, variable: str, excepted: str
) -> None:
    for name, value in {
        variable: dead["http_proxy"],
        "no_proxy": excepted,
        "NO_PROXY": "",
        "no_grpc_proxy": "",
    }.items():
        monkeypatch.setenv(name, value)
    settle_environment(os.environ)
    server = grpc.server(ThreadPoolExecutor(1), handlers=[Echo()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"{host}:{port}") as channel:
            assert channel.unary_unary("/any/method")(b"asked", timeout=20) == b"asked"
    finally:
        server.stop(None)


class Echo(grpc.GenericRpcHandler):  # type: ignore[misc]  # its base is untyped
    """Answers every call with what it was sent."""

    def service(self, handler_call_details: object) -> grpc.RpcMethodHandler:  # noqa: ARG002 # gRPC's signature
        return grpc.unary_unary_rpc_method_handler(lambda request, _context: request)
