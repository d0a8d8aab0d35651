"""Compose: by its schema, and by what must be true of the services. No container engine was at hand to run it."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fridge_pipeline.database.embedded.binaries import INSTALLATION, _package
from fridge_pipeline.database.embedded.cluster import MAJOR_VERSION
from fridge_pipeline.operations.rules.health_check import POSTGRES_TESTED
from tests.deploy.files import DEPLOY, read_all_yaml, read_yaml

COMPOSE = read_yaml("compose.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = sorted(name for name in SERVICES if name != "postgres")

#: Which secret files a service is given, and so all that somebody who breaks into it finds.
SECRETS = {
    "postgres": {
        "postgres_password",
        "database_url",
        "finance_database_url",
        "metrics_database_url",
    },  # it makes the logins
    "migrate": {"owner_database_url"},
    "code": {"database_url", "stripe_api_key"},
    "daemon": {"database_url"},
    "webserver": {"database_url"},
    "finance-webserver": {"finance_database_url"},
    "console": {"finance_database_url"},
    "metrics": {"metrics_database_url"},
}


def test_the_file_is_what_the_compose_specification_allows_and_a_misspelt_key_is_not() -> None:
    schema = (resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json").read_text()
    validator = Draft202012Validator(json.loads(schema))
    assert list(validator.iter_errors(COMPOSE)) == []
    misspelt = {**COMPOSE, "services": {"code": {**SERVICES["code"], "healthchek": {}}}}
    assert len(list(validator.iter_errors(misspelt))) == 1


def test_each_service_gets_the_secrets_that_it_needs_and_no_other_and_all_by_file() -> None:
    assert {name: set(service["secrets"]) for name, service in SERVICES.items()} == SECRETS
    assert {name: set(secret) for name, secret in COMPOSE["secrets"].items()} == {
        name: {"file"} for name in set().union(*SECRETS.values())
    }
    named = {
        value.removeprefix("/run/secrets/")
        for name in OURS
        for variable, value in SERVICES[name]["environment"].items()
        if variable.endswith("_FILE") and value.startswith("/run/secrets/")
    }
    assert named == set().union(*(SECRETS[name] for name in OURS))


def test_what_is_published_is_reached_from_this_host_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == [f"127.0.0.1:{port}" for port in ("3000:3000", "3001:3000", "3003:3003", "9464:9464")]
    reached = {name for name in SERVICES if set(SERVICES[name]["networks"]) != {"books"}}
    assert reached == {"code", "webserver", "finance-webserver", "console", "metrics"}
    assert COMPOSE["networks"]["books"]["internal"]
    assert SERVICES["code"]["networks"] == ["books", "outward"], "it calls Stripe, and is published nowhere"


def test_everything_waits_for_the_schema_and_everything_that_stays_up_has_a_health_check() -> None:
    def waits_for(name: str) -> set[str]:
        direct = SERVICES[name].get("depends_on", {})
        return set(direct).union(*(waits_for(other) for other in direct))

    assert [name for name in OURS if name != "migrate" and "migrate" not in waits_for(name)] == []
    assert SERVICES["code"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert [name for name in SERVICES if name != "migrate" and "healthcheck" not in SERVICES[name]] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_writes_only_where_told_gains_no_rights_and_starts_a_bounded_number_of_processes(
    name: str,
) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] == (128 if name in {"console", "metrics"} else 512)
    assert ("mem_limit" in service) == (name != "postgres")
    assert "user" not in service, "the image's own user"
    assert "privileged" not in service
    # PostgreSQL's entrypoint gives the volume to its user and becomes it; nobody else has any capability.
    becomes_another = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert set(service.get("cap_add", [])) == (becomes_another if name == "postgres" else set())


def test_the_database_is_of_the_very_version_that_is_tested_and_both_public_images_are_named_by_digest() -> None:
    program = _package() / INSTALLATION / "bin" / "postgres"
    server = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    tested = re.search(r"\d+\.\d+", server.stdout)
    assert tested is not None
    image = re.fullmatch(r"\$\{POSTGRES_IMAGE:-docker\.io/library/postgres:(.+)\}", SERVICES["postgres"]["image"])
    assert image is not None
    assert re.fullmatch(rf"{re.escape(tested[0])}-bookworm@sha256:[0-9a-f]{{64}}", image[1])
    assert tested[0].split(".")[0] == MAJOR_VERSION == str(POSTGRES_TESTED)
    default = re.search(r"^ARG PYTHON_IMAGE=(.+)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    assert default is not None
    for name in OURS:
        assert SERVICES[name].get("build") in (None, SERVICES["migrate"]["build"])
    assert SERVICES["migrate"]["build"]["args"] == {"PYTHON_IMAGE": f"${{PYTHON_IMAGE:-{default[1]}}}"}


def test_every_image_that_comes_from_outside_is_named_by_digest_wherever_it_stands() -> None:
    """Ours are built here; any other reference in a file of the layout has its digest."""
    named = re.compile(
        r"(?:docker\.io|quay\.io|ghcr\.io|gcr\.io|registry\.k8s\.io)/[\w./-]+:[\w.-]+(@sha256:[0-9a-f]{64})?"
    )
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and "secrets" not in path.parts]
    found = [
        (file.name, image[0], bool(image[1]))
        for file in files
        for image in named.finditer(file.read_text(encoding="utf-8"))
    ]
    assert len(found) >= 3
    assert [(name, image) for name, image, has_digest in found if not has_digest] == []
    ours = re.compile(r"(?:\$\{IMAGE:-localhost/)?fridge-pipeline:0\.2\.0(?:-kubernetes)?\}?")
    for name in OURS:
        assert ours.fullmatch(SERVICES[name]["image"])
    for document in (*read_all_yaml("helm/console-and-metrics.yaml"), read_yaml("helm/migrate-job.yaml")):
        for container in document["spec"].get("template", {}).get("spec", {}).get("containers", []):
            assert ours.fullmatch(container["image"])


def test_only_what_is_finances_has_finances_login_and_no_other_and_only_the_code_calls_stripe() -> None:
    for name in OURS:
        given = {key: value for key, value in SERVICES[name]["environment"].items() if "DATABASE_URL" in key}
        login = "finance_database_url" if name in {"finance-webserver", "console"} else "database_url"
        login = {"migrate": "owner_database_url", "metrics": "metrics_database_url"}.get(name, login)
        assert list(given.values()) == [f"/run/secrets/{login}"]
        assert ("STRIPE_API_KEY_FILE" in SERVICES[name]["environment"]) == (name == "code")
        assert ("--read-only" in SERVICES[name]["command"]) == (name == "finance-webserver")


def test_the_console_answers_only_whom_a_proxy_names_and_shares_no_folder_with_what_holds_secrets() -> None:
    console = SERVICES["console"]
    assert list(console["environment"]) == [
        "FRIDGE_FINANCE_DATABASE_URL_FILE",
        "FRIDGE_UI_USER_HEADER",
        "FRIDGE_CONSOLE_URL",
    ]
    assert console["environment"]["FRIDGE_UI_USER_HEADER"] == "${FRIDGE_UI_USER_HEADER:-X-Forwarded-User}"
    users = {name for name in SERVICES for volume in SERVICES[name].get("volumes", []) if "console_home" in str(volume)}
    assert users == {"console"}
    assert "volumes" not in SERVICES["metrics"]


def test_every_file_and_folder_that_it_mounts_or_builds_from_exists() -> None:
    assert (DEPLOY / SERVICES["code"]["build"]["context"] / SERVICES["code"]["build"]["dockerfile"]).is_file()
    mounted = [each for each in SERVICES["postgres"]["volumes"] if each.startswith("./")]
    assert len(mounted) == 1
    script = Path(DEPLOY, mounted[0].split(":")[0])
    assert script.stat().st_mode & 0o111, "a script that is not executable would be sourced, and its exit would end all"
    volumes = {
        each.split(":")[0] for name in SERVICES for each in SERVICES[name].get("volumes", []) if type(each) is str
    }
    assert {each for each in volumes if "/" not in each} == set(COMPOSE["volumes"])
