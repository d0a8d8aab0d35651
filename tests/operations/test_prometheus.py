"""The alert rules and the board in deploy/: every number in them is one that an installation tells Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from fridge_pipeline.operations.expose_signals import PREFIX
from fridge_pipeline.operations.rules.signals import SIGNALS
from fridge_pipeline.settings import REPOSITORY
from scripts import reference
from tests.live.running_fridge import FRIDGE, environment_for, wait_until
from tests.operations.observed import Installation, bill_and_leave_some, dagster_beside, observe
from tests.pipeline import Pipeline

RULES = REPOSITORY / "deploy" / "prometheus" / "rules.yml"
CONFIGURATION = REPOSITORY / "deploy" / "prometheus" / "prometheus.yml"
BOARD = REPOSITORY / "deploy" / "grafana" / "fridge.json"
NAME = re.compile(rf"\b{PREFIX}\w+")

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus is not on this machine; on Debian: apt install prometheus",
)


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> dict[str, str]:
    """Where it stands on the board → query."""
    panels = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
    return {
        f"{each['title']} {target['refId']}": target["expr"] for each in panels for target in each.get("targets", [])
    }


def named(*texts: str) -> set[str]:
    return {name.removeprefix(PREFIX) for text in texts for name in NAME.findall(text)}


@pytest.fixture
def installation(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    unbilled = bill_and_leave_some(pipeline)
    with dagster_beside(pipeline, monkeypatch):
        yield Installation(pipeline, observe(pipeline), unbilled)


def test_each_number_in_the_rules_and_on_the_board_is_told_by_an_installation_with_books(
    installation: Installation,
) -> None:
    told = {name.removeprefix(PREFIX) for name, _ in installation.read()}
    assert named(*(rule["expr"] for rule in alerts())) <= told
    assert named(*queries().values()) == told == set(SIGNALS), "and nothing is told that nobody can look at"


def test_where_one_of_several_numbers_has_a_bound_no_other_is_coloured_by_it() -> None:
    """Any draft was orange, and so were the seconds that one has left."""
    panels = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
    for panel in panels:
        fields = panel.get("fieldConfig", {"defaults": {}})  # a row has none
        if len(fields["defaults"].get("thresholds", {}).get("steps", [])) > 1:
            plain = {
                each["matcher"]["options"]
                for each in fields["overrides"]
                if any(one["id"] == "color" and one["value"]["mode"] == "fixed" for one in each["properties"])
            }
            assert len(panel["targets"]) - len(plain) == 1, panel["title"]


def test_each_rule_says_what_is_so_and_what_to_do_and_how_urgent_it_is() -> None:
    documents = " ".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "docs").glob("*.md"))
    for rule in alerts():
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        for section in re.findall(r"docs/operations\.md, ([A-Z][^.;]*)", rule["annotations"]["description"]):
            assert re.search(rf"^#+ {section}$", documents, re.MULTILINE), section
    assert len({rule["alert"] for rule in alerts()}) == len(alerts())


def test_the_reference_says_of_each_signal_what_its_help_says() -> None:
    told = reference.pages()["metrics.md"]
    for name, signal in SIGNALS.items():
        labels = f"{{{', '.join(signal.labels)}}}" if signal.labels else ""
        assert f"| `{PREFIX}{name}{labels}` | {signal.meaning} |" in told


@needs_prometheus
def test_prometheus_own_tool_finds_nothing_wrong_with_the_rules_and_the_configuration() -> None:
    for command in (["check", "rules", RULES], ["check", "config", CONFIGURATION]):
        found = subprocess.run(["promtool", *map(str, command)], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr


@needs_prometheus
def test_a_prometheus_that_scrapes_us_answers_every_query_of_the_board_and_raises_the_alerts(
    installation: Installation, tmp_path: Path
) -> None:
    with serving_metrics(installation, tmp_path) as port, prometheus(tmp_path, port) as ask:
        wait_until("it has scraped us", lambda: ask("query", query='up{job="fridge"} == 1')["result"], 60)
        empty = [where for where, query in queries().items() if not ask("query", query=query)["result"]]
        assert empty == []
        expected = {"FridgeUsageIsNotStated", "FridgeDraftAtRisk", "FridgeSwitchedOff"}
        wait_until("it has raised just what is so", lambda: urgent(ask) == expected, 60)
        assert [each["health"] for each in rules(ask)] == ["ok"] * len(alerts())
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", headers={"Host": "evil.example"}, timeout=10)
        assert (answer.status_code, "fridge_" in answer.text) == (403, False), "no page of somebody else's reads it"


def urgent(ask: Callable[..., Any]) -> set[str]:
    return {each["metric"]["alertname"] for each in ask("query", query='ALERTS{severity="page"}')["result"]}


def rules(ask: Callable[..., Any]) -> list[dict[str, Any]]:
    return [rule for group in ask("rules")["groups"] for rule in group["rules"]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving_metrics(installation: Installation, folder: Path) -> Iterator[int]:
    """``fridge metrics`` as it is run beside services that are up already."""
    port = free_port()
    environment = environment_for(folder / "home") | {"FRIDGE_DATABASE_URL": installation.pipeline.database.dsn}
    with running([FRIDGE, "metrics", "--port", str(port)], folder / "metrics.log", environment):
        yield port


@contextmanager
def prometheus(folder: Path, scraped: int) -> Iterator[Callable[..., Any]]:
    """Prometheus with our configuration, but for the port and how often it looks; what its interface answers."""
    port, text = free_port(), CONFIGURATION.read_text(encoding="utf-8")
    (folder / "prometheus.yml").write_text(text.replace("30s", "1s").replace("9464", str(scraped)))
    shutil.copy(RULES, folder)
    options = {
        "config.file": folder / "prometheus.yml",
        "storage.tsdb.path": folder / "tsdb",
        "web.listen-address": f"127.0.0.1:{port}",
    }
    command = ["prometheus", *(f"--{name}={value}" for name, value in options.items())]

    def ask(path: str, **parameters: str) -> Any:
        try:
            answer = requests.get(f"http://127.0.0.1:{port}/api/v1/{path}", params=parameters, timeout=10)
        except requests.ConnectionError:
            return {"result": []}  # it has not begun to listen
        body = answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
        assert body.get("status", "error") == "success" or answer.status_code == 503, answer.text
        return body.get("data", {"result": []})

    with running(command, folder / "prometheus.log"):
        yield ask


@contextmanager
def running(command: list[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
