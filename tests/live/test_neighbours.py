"""A running installation as others on the machine meet it: a page in a browser, another local user, a dead proxy."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.live.conftest import PROXIES
from tests.live.deliveries import READINGS, await_loaded, hour_ago, is_billed, land
from tests.live.other_user import command_lines, listening, may_connect, open_to_others, socket_files
from tests.live.running_fridge import RunningFridge, processes_of, run_fridge, wait_until

LAUNCHES_NOTHING = {"query": "{version}"}
FOREIGN_PAGE = {"Origin": "http://foreign.example", "Sec-Fetch-Site": "cross-site"}
REBOUND = {"Host": "rebound.example"}


def said_address(demo: RunningFridge, what: str) -> str:
    """What the installation has told its user."""
    (line,) = [line for line in demo.said().splitlines() if line.strip().startswith(f"{what} ")]
    return line.split()[-1]


@pytest.fixture(scope="module")
def console(demo: RunningFridge) -> str:
    """Where the pages of finance are served."""
    return said_address(demo, "Console")


@pytest.fixture(scope="module")
def sandbox(demo: RunningFridge) -> str:
    """Where the Stripe sandbox answers."""
    url: str = json.loads((demo.home / "sandbox" / "address.json").read_text())["url"]
    return url


def test_the_ui_obeys_its_own_page_and_no_page_of_somebody_else(demo: RunningFridge) -> None:
    graphql = f"{demo.url}/graphql"
    own = {"Origin": demo.url, "Sec-Fetch-Site": "same-origin"}
    answer = requests.post(graphql, json=LAUNCHES_NOTHING, headers=own, timeout=30)
    assert answer.json()["data"]["version"]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert requests.post(graphql, json=LAUNCHES_NOTHING, headers=FOREIGN_PAGE, timeout=30).status_code == 403
    assert requests.post(graphql, json=LAUNCHES_NOTHING, headers=REBOUND, timeout=30).status_code == 403
    assert requests.post(graphql, data=json.dumps(LAUNCHES_NOTHING), timeout=30).status_code == 415
    assert requests.get(graphql, params=LAUNCHES_NOTHING, timeout=30).status_code == 405
    assert requests.get(demo.url, headers=REBOUND, timeout=30).status_code == 403

    address = graphql.replace("http", "ws", 1)
    with connect(address, subprotocols=[Subprotocol("graphql-ws")], origin=Origin(demo.url)) as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        assert json.loads(opened.recv(timeout=30)) == {"type": "connection_ack"}
    with pytest.raises(InvalidStatus, match="403"), connect(address, origin=Origin("http://foreign.example")):
        pass


@pytest.mark.prove
def test_up_bills_a_landing_file_by_itself_past_the_proxy(demo: RunningFridge) -> None:
    """The daemon's sensor asks the code server, and so does the webserver for its assets."""
    for part in ("warm_code_server", "guarded_webserver", "prompt_daemon"):
        assert set(PROXIES) <= demo.living_service(part).environ().keys(), part
    assets = {each["assetKey"]["path"][0] for each in demo.graphql("{assetNodes {assetKey {path}}}")["assetNodes"]}
    assert {"raw_readings", "meter_events"} <= assets
    closed = hour_ago(3)
    assert await_loaded(demo, land(demo, closed)) == READINGS
    wait_until("the hour is billed", lambda: is_billed(demo, closed))


def test_the_console_is_shown_under_our_own_names_only_and_takes_nothing(console: str) -> None:
    assert requests.get(console, timeout=30).status_code == 200
    assert requests.get(console, headers=REBOUND, timeout=30).status_code == 403
    assert requests.post(console, json={}, timeout=30).status_code == 405


def test_the_metrics_are_told_under_our_own_names_only_and_take_nothing(demo: RunningFridge) -> None:
    address = said_address(demo, "Metrics")
    told = requests.get(address, timeout=30)
    assert (told.status_code, "fridge_" in told.text) == (200, True)
    assert requests.get(address, headers=REBOUND, timeout=30).status_code == 403
    assert requests.post(address, json={}, headers=FOREIGN_PAGE, timeout=30).status_code >= 400
    tenants = {tenant for (tenant,) in demo.rows("select tenant_id from fridge.tenants")}
    assert tenants
    assert [tenant for tenant in tenants if f'"{tenant}"' in told.text] == []


def test_the_key_of_tenants_addresses_is_its_owners_and_an_address_opens_under_our_own_names_only(
    demo: RunningFridge, console: str
) -> None:
    tenant = demo.rows("select min(tenant_id) from fridge.tenants")[0][0]
    address = f"{console}{urlsplit(run_fridge(demo.home, 'link', tenant).stdout.strip()).path}"
    assert requests.get(address, timeout=30).status_code == 200
    assert requests.get(address, headers=REBOUND, timeout=30).status_code == 403
    assert requests.get(address[:-1], timeout=30).status_code == 404
    key = demo.home / "tenant-links.key"
    assert key.stat().st_mode & 0o077 == 0
    assert open_to_others(demo.home) == []


def test_the_sandboxs_control_endpoints_obey_no_page_of_somebody_else(sandbox: str) -> None:
    clock, wish = f"{sandbox}/_sandbox/clock", {"advance_seconds": 0}
    assert requests.post(clock, json=wish, timeout=30).status_code == 200
    assert requests.post(clock, json=wish, headers={"Origin": sandbox}, timeout=30).status_code == 200
    assert requests.post(clock, json=wish, headers=FOREIGN_PAGE, timeout=30).status_code == 403
    assert requests.post(clock, json=wish, headers=REBOUND, timeout=30).status_code == 403
    assert (
        requests.post(clock, data=json.dumps(wish), headers={"Content-Type": "text/plain"}, timeout=30).status_code
        == 415
    )
    assert requests.post(f"{sandbox}/_sandbox/reset", headers=FOREIGN_PAGE, timeout=30).status_code == 403
    assert requests.delete(f"{sandbox}/_sandbox/faults", headers=FOREIGN_PAGE, timeout=30).status_code == 403
    assert requests.get(f"{sandbox}/_sandbox/usage", headers=REBOUND, timeout=30).status_code == 403


def test_another_user_of_the_machine_finds_five_guarded_ports_and_nothing_to_read_enter_or_connect_to(
    demo: RunningFridge, console: str, sandbox: str
) -> None:
    processes = processes_of(demo.home)
    postgres = int((demo.home / "postgres" / "port").read_text())
    web = [urlsplit(url).port for url in (demo.url, console, said_address(demo, "Metrics"), sandbox)]
    assert listening(processes) == {("127.0.0.1", port) for port in (postgres, *web)}

    code = demo.home / "code.socket"  # by name: psutil cuts one with a blank
    assert code.is_socket()
    assert [path for path in {code, *socket_files(processes)} if may_connect(path)] == []

    assert open_to_others(demo.home) == []
    owner_alone = {path.name: path.stat().st_mode & 0o077 for path in (demo.home / "postgres").glob("*.password")}
    assert len(owner_alone) >= 2
    assert set(owner_alone.values()) == {0}

    passwords = [path.read_text().strip() for path in (demo.home / "postgres").glob("*.password")]
    assert [line for line in command_lines(processes) if any(password in line for password in passwords)] == []
