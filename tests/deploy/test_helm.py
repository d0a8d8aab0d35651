"""The Helm values: by the keys that chart and Kubernetes read, and by how Dagster reads the dagster.yaml it writes."""

from __future__ import annotations

from copy import deepcopy
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import yaml
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config_schema

from fridge_pipeline.orchestration.instance import EVENT_BATCH_SIZE
from fridge_pipeline.settings import REPOSITORY
from tests.deploy.files import DEPLOY, read_all_yaml, read_yaml

VALUES = read_yaml("helm/values.yaml")
CODE = VALUES["dagster-user-deployments"]["deployments"][0]
BESIDE = read_all_yaml("helm/console-and-metrics.yaml")
DEPLOYMENTS = {each["metadata"]["name"]: each["spec"] for each in BESIDE if each["kind"] == "Deployment"}
SERVED = {each["metadata"]["name"]: each["spec"] for each in BESIDE if each["kind"] == "Service"}
OUR_INSTANCE = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())


@pytest.fixture(scope="module")
def chart() -> ModuleType:
    """Imported for these tests alone: Kubernetes' models take each process that collects them half a second."""
    return import_module("tests.deploy.chart")


def chart_instance(values: dict[str, Any]) -> dict[str, Any]:
    """The dagster.yaml that the chart writes, as its templates/configmap-instance.yaml does; without the launcher."""
    daemon, postgresql = values["dagsterDaemon"], values["postgresql"]
    assert not any(daemon[part]["enabled"] for part in ("runCoordinator", "runMonitoring", "runRetries"))
    storage = {
        "username": postgresql["postgresqlUsername"],
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": postgresql["postgresqlHost"],
        "db_name": postgresql["postgresqlDatabase"],
        "port": postgresql["service"]["port"],
        "params": postgresql["postgresqlParams"],
        "scheme": postgresql["postgresqlScheme"],
    }
    stores = {"run_storage": "Run", "event_log_storage": "EventLog", "schedule_storage": "Schedule"}
    modules = {"run_storage": "run_storage", "event_log_storage": "event_log", "schedule_storage": "schedule_storage"}
    return {
        "scheduler": {
            "module": "dagster.core.scheduler",
            "class": "DagsterDaemonScheduler",
            "config": {
                "max_catchup_runs": values["scheduler"]["config"]["daemonScheduler"]["maxCatchupRuns"],
                "max_tick_retries": values["scheduler"]["config"]["daemonScheduler"]["maxTickRetries"],
            },
        },
        **{
            store: {
                "module": f"dagster_postgres.{modules[store]}",
                "class": f"Postgres{name}Storage",
                "config": {"postgres_db": storage},
            }
            for store, name in stores.items()
        },
        "sensors": {"use_threads": daemon["sensors"]["useThreads"], "num_workers": daemon["sensors"]["numWorkers"]},
        "schedules": {
            "use_threads": daemon["schedules"]["useThreads"],
            "num_workers": daemon["schedules"]["numWorkers"],
        },
        "telemetry": {"enabled": values["telemetry"]["enabled"]},
        "retention": {
            kind: {"purge_after_days": values["retention"][kind]["purgeAfterDays"]} for kind in ("sensor", "schedule")
        },
        **values["additionalInstanceConfig"],
    }


def test_the_values_are_what_the_chart_takes_and_a_misspelt_one_is_not(chart: ModuleType) -> None:
    assert list(chart.unread(VALUES)) == []
    for wrong in (("dagsterDaemon", "heartbeatTolerence"), ("dagsterWebserver", "replicas"), ("postgresql", "host")):
        misspelt = deepcopy(VALUES)
        misspelt[wrong[0]][wrong[1]] = 1
        assert list(chart.unread(misspelt)) == [f"values.{wrong[0]}.{wrong[1]}"]
    misspelt = deepcopy(VALUES)
    misspelt["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["podSpecConfig"]["security_kontext"] = {}
    misspelt["dagsterDaemon"]["resources"]["limit"] = {}
    assert len(list(chart.unread(misspelt))) == 2


def test_what_the_chart_makes_of_them_is_an_instance_that_dagster_reads() -> None:
    written = chart_instance(VALUES)
    assert validate_config(dagster_instance_config_schema(), written).errors in (None, [])
    wrong = {**written, "run_retries": {"enabled": True, "retries": 2}}
    assert validate_config(dagster_instance_config_schema(), wrong).errors


def test_it_says_whatever_our_own_dagster_yaml_says_but_for_the_storage_and_what_is_one_machines() -> None:
    written, elsewhere = chart_instance(VALUES), {"storage", "code_servers"}
    ours = {**OUR_INSTANCE, "retention": {**OUR_INSTANCE["retention"]}}
    # The chart wants the fourth kind of tick too, of which ours says nothing; -1 is Dagster's default: kept for good.
    ours["retention"]["sensor"] = {
        "purge_after_days": {**ours["retention"]["sensor"]["purge_after_days"], "started": -1}
    }
    assert {key: written.get(key) for key in ours if key not in elsewhere} == {
        key: value for key, value in ours.items() if key not in elsewhere
    }


def test_dagster_keeps_its_own_where_every_other_layout_does_and_by_the_driver_that_works() -> None:
    assert VALUES["postgresql"]["postgresqlDatabase"] == "fridge_dagster"
    assert VALUES["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
    assert CODE["env"]["DAGSTER_EVENT_BATCH_SIZE"] == str(EVENT_BATCH_SIZE)


def test_all_services_and_runs_have_one_image_and_the_chart_one_version_with_our_dagster() -> None:
    images = [CODE["image"], VALUES["dagsterWebserver"]["image"], VALUES["dagsterDaemon"]["image"]]
    assert images == [images[0]] * 3
    assert "image" not in VALUES["runLauncher"]["config"]["k8sRunLauncher"], "a run takes that of its code location"
    job = read_yaml("helm/migrate-job.yaml")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert job == f"{images[0]['repository']}:{images[0]['tag']}"
    dagster = next(
        line.split("==")[1].split()[0]
        for line in (REPOSITORY / "requirements" / "run.txt").read_text().splitlines()
        if line.startswith("dagster==")
    )
    text = (DEPLOY / "helm" / "values.yaml").read_text()
    assert f"dagster/dagster {dagster} " in text
    assert f"--version {dagster} " in text


def test_the_job_that_migrates_is_a_kubernetes_job_and_alone_has_the_owners_secret(chart: ModuleType) -> None:
    job = read_yaml("helm/migrate-job.yaml")
    assert chart.read_by_kubernetes(job).spec.template.spec.containers[0].args == ["fridge", "migrate"]
    assert "fridge-owner" in str(job)
    assert "fridge-owner" not in str(VALUES)
    pod = chart.read_by_kubernetes(job).spec.template.spec
    assert (pod.automount_service_account_token, pod.enable_service_links) == (False, False)


def test_no_pod_is_root_and_every_one_has_a_limit_of_memory() -> None:
    for part in (CODE, VALUES["dagsterWebserver"], VALUES["dagsterDaemon"]):
        assert part["podSecurityContext"]["runAsNonRoot"]
        assert part["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert part["resources"]["limits"]["memory"]
    launcher = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
    assert launcher["resources"]["limits"]["memory"]
    assert launcher["runK8sConfig"]["podSpecConfig"]["security_context"]["run_as_non_root"]


@pytest.mark.parametrize(
    ("name", "port", "secret", "keys"),
    [
        ("fridge-console", 3003, "fridge-finance", ["finance_database_url"]),
        ("fridge-metrics", 9464, "fridge-metrics", ["metrics_database_url"]),
    ],
)
def test_console_and_metrics_have_one_secret_each_no_right_and_a_read_only_root(
    chart: ModuleType, name: str, port: int, secret: str, keys: list[str]
) -> None:
    deployment = next(each for each in BESIDE if (each["kind"], each["metadata"]["name"]) == ("Deployment", name))
    pod = deployment["spec"]["template"]["spec"]
    read = chart.read_by_kubernetes(deployment).spec.template.spec
    assert (read.automount_service_account_token, read.enable_service_links) == (False, False)
    assert pod["securityContext"] == CODE["podSecurityContext"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {**CODE["securityContext"], "readOnlyRootFilesystem": True}
    assert container["resources"]["limits"]["memory"] in {"256Mi", "512Mi"}
    given = [each["secret"] for each in pod["volumes"] if "secret" in each]
    assert given == [{"secretName": secret, "defaultMode": 0o440, "items": [{"key": key, "path": key} for key in keys]}]
    assert "stripe" not in str(pod).lower()
    named = {each["value"].rpartition("/")[2] for each in container["env"] if each["name"].endswith("_FILE")}
    assert named == set(keys)
    assert container["image"] == f"{CODE['image']['repository']}:{CODE['image']['tag']}"
    assert [each["port"] for each in SERVED[name]["ports"]] == [each["containerPort"] for each in container["ports"]]
    assert chart.read_by_kubernetes(next(each for each in BESIDE if each["kind"] == "Service")) is not None
    for probe in (container["readinessProbe"], container["livenessProbe"]):
        assert probe["httpGet"]["port"] == port
        assert probe["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "localhost"}], "it is called no other name"


POLICIES = read_all_yaml("helm/network-policy.yaml")
OTHERS = ("proxy", "prometheus")


def selects(selector: dict[str, Any], part: str) -> bool:
    """Whether a selector of labels takes a pod of this part."""
    wanted = [{part} == {value} for value in selector.get("matchLabels", {}).values()]
    expressions = selector.get("matchExpressions", [])
    return all(wanted) and all(each["operator"] == "Exists" or part in each["values"] for each in expressions)


def allowed(direction: str, part: str) -> set[tuple[str, int]]:
    """Who a part may hear, or whom it may speak to, and on which port; ``anybody`` where no peer is named."""
    peers = {"ingress": "from", "egress": "to"}[direction]
    found = set()
    for policy in (each["spec"] for each in POLICIES if selects(each["spec"]["podSelector"], part)):
        for rule in policy.get(direction, []):
            names = {
                name
                for peer in rule.get(peers, [])
                for name in ("code", "daemon", "webserver", "migrate", "console", "metrics", *OTHERS)
                if "podSelector" in peer and selects(peer["podSelector"], name)
            }
            found |= {(name, port["port"]) for name in names or {"anybody"} for port in rule["ports"]}
    return found


def test_every_pod_of_ours_is_under_the_policies_and_they_are_network_policies(chart: ModuleType) -> None:
    for policy in POLICIES:
        assert chart.read_by_kubernetes(policy).spec.pod_selector is not None
        with pytest.raises(Exception, match="podSelektor"):
            chart.read_by_kubernetes({**policy, "spec": {**policy["spec"], "podSelektor": {}}})
    job = read_yaml("helm/migrate-job.yaml")["spec"]["template"]["metadata"]["labels"]
    parts = [CODE["labels"], VALUES["runLauncher"]["config"]["k8sRunLauncher"]["labels"]]
    parts += [VALUES["dagsterWebserver"]["labels"], VALUES["dagsterDaemon"]["labels"], job]
    parts += [each["template"]["metadata"]["labels"] for each in DEPLOYMENTS.values()]
    ours = ["code", "code", "webserver", "daemon", "migrate", "console", "metrics"]
    assert [part["fridge-part"] for part in parts] == ours
    nothing_else = POLICIES[0]["spec"]
    assert nothing_else["policyTypes"] == ["Ingress", "Egress"]
    assert all(selects(nothing_else["podSelector"], part["fridge-part"]) for part in parts)
    assert not {"ingress", "egress"} & nothing_else.keys(), "so what no other policy allows is refused"
    for policy in POLICIES:
        assert not any(selects(policy["spec"]["podSelector"], other) for other in OTHERS), "theirs to say, not ours"


def test_only_daemon_and_webserver_reach_the_code_location_only_a_proxy_the_ui_and_nobody_the_rest() -> None:
    assert allowed("ingress", "code") == {("daemon", CODE["port"]), ("webserver", CODE["port"])}
    assert allowed("ingress", "webserver") == {("proxy", VALUES["dagsterWebserver"]["service"]["port"])}
    assert allowed("ingress", "console") == {("proxy", 3003)}
    assert allowed("ingress", "metrics") == {("prometheus", 9464)}
    assert allowed("ingress", "daemon") == allowed("ingress", "migrate") == set()


def test_each_part_has_the_ways_out_that_it_needs_and_the_job_that_migrates_none_but_to_the_books() -> None:
    books = {("anybody", 53), ("anybody", VALUES["postgresql"]["service"]["port"])}
    assert allowed("egress", "migrate") == allowed("egress", "console") == allowed("egress", "metrics") == books
    assert allowed("egress", "code") == books | {("anybody", 443)}
    for part in ("daemon", "webserver"):
        assert allowed("egress", part) == books | {("code", CODE["port"]), ("anybody", 443), ("anybody", 6443)}
