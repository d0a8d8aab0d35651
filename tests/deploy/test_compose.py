"""Compose: by its schema, and by what must be true of the services. No container engine was at hand to run it."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fridge_pipeline.database.embedded.binaries import MAJOR_VERSION
from fridge_pipeline.operations.rules.health_check import POSTGRES_TESTED
from tests.deploy.files import DEPLOY, read_yaml

COMPOSE = read_yaml("compose.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = sorted(name for name in SERVICES if name != "postgres")

#: Which secret files a service is given, and so all that somebody who breaks into it finds.
SECRETS = {
    "postgres": {"postgres_password", "database_url", "finance_database_url"},  # it makes the logins
    "migrate": {"owner_database_url"},
    "code": {"database_url", "stripe_api_key"},
    "daemon": {"database_url"},
    "webserver": {"database_url"},
    "finance-webserver": {"finance_database_url"},
    "metrics": {"database_url"},
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
    assert published == ["127.0.0.1:3000:3000", "127.0.0.1:3001:3000", "127.0.0.1:9464:9464"]
    reached = {name for name in SERVICES if set(SERVICES[name]["networks"]) != {"books"}}
    assert reached == {"code", "webserver", "finance-webserver", "metrics"}
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
    assert service["pids_limit"] == 512
    assert "user" not in service, "the image's own user"
    assert "privileged" not in service
    # PostgreSQL's entrypoint gives the volume to its user and becomes it; nobody else has any capability.
    becomes_another = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert set(service.get("cap_add", [])) == (becomes_another if name == "postgres" else set())


def test_the_database_is_of_the_version_that_is_tested_and_public_images_can_be_pinned_by_digest() -> None:
    version = re.fullmatch(
        r"\$\{POSTGRES_IMAGE:-docker\.io/library/postgres:(\d+)\.\d+-[a-z]+\}", SERVICES["postgres"]["image"]
    )
    assert version is not None
    assert version[1] == MAJOR_VERSION == str(POSTGRES_TESTED)
    default = re.search(r"^ARG PYTHON_IMAGE=(.+)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    assert default is not None
    assert SERVICES["code"]["build"]["args"] == {"PYTHON_IMAGE": f"${{PYTHON_IMAGE:-{default[1]}}}"}


def test_only_the_read_only_server_has_finances_login() -> None:
    for name in OURS:
        is_finance = SERVICES[name]["environment"]["FRIDGE_DATABASE_URL_FILE"] == "/run/secrets/finance_database_url"
        assert is_finance == ("--read-only" in SERVICES[name]["command"]) == (name == "finance-webserver")


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
