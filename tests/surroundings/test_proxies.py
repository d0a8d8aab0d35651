"""A proxy that is set for the way outside, here one that is dead, stands between none of our own parts."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # without type information
import pytest

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.operations.check_health import port_holder
from fridge_pipeline.orchestration.own_environment import settle_environment
from tests.billing.test_connections import Listener, listening
from tests.console_script import Run
from tests.live.deliveries import await_loaded, hour_ago, is_billed, land
from tests.live.running_fridge import run_fridge, running_fridge, wait_until
from tests.pipeline import Pipeline

NAMES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy")


@pytest.fixture
def dead() -> Iterator[dict[str, str]]:
    """Every variable that names a proxy, at a port where nobody answers; with a host that the user excepts."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else can have it
        yield {**dict.fromkeys(NAMES, f"http://127.0.0.1:{taken.getsockname()[1]}"), "NO_PROXY": "intranet.example"}


def test_a_bill_with_the_local_sandbox_needs_no_proxy(
    run: Run, pipeline: Pipeline, two_days_ago: datetime, dead: dict[str, str]
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 2, 5)
    done = run("bill", "--from", hour.key, "--to", hour.key, STRIPE_API_BASE="", **dead)
    assert done.returncode == 0, done.stderr
    accepted = pipeline.rows("select event_name, value from fridge.meter_events where status = 'accepted' order by 1")
    assert accepted == [("active_sensors", 2), ("temperature_readings", 10)]


@pytest.mark.prove
def test_up_bills_a_landing_file_by_itself_past_the_proxy(tmp_path: Path, dead: dict[str, str]) -> None:
    """The daemon's sensor asks the code server, and so does the webserver for its assets."""
    with running_fridge(tmp_path / "home", "up", "--port", "0", **dead) as up:
        assets = {each["assetKey"]["path"][0] for each in up.graphql("{assetNodes {assetKey {path}}}")["assetNodes"]}
        assert {"raw_readings", "meter_events"} <= assets
        tenants = tmp_path / "tenants.csv"
        tenants.write_text("tenant_id,name,stripe_customer_id\ntroy,Troy,cus_troy\n")
        assert run_fridge(up.home, "tenants", "import", str(tenants)).returncode == 0
        closed = hour_ago(3)
        assert await_loaded(up, land(up, closed)) == 3
        wait_until("the hour is billed", lambda: is_billed(up, closed))


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
