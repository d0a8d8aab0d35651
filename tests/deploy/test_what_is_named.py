"""What the files of the layout name: commands, variables and documents that there are, and no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from dagster._cli import create_dagster_cli
from dagster._daemon.cli import create_dagster_daemon_cli

from fridge_pipeline.cli.main import fridge
from fridge_pipeline.secret_files import FILE_SUFFIX
from fridge_pipeline.settings import REPOSITORY, SECRETS
from tests.deploy.files import DEPLOY, UNITS, read_all_yaml, read_yaml, unit_lines

FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "secrets" not in path.parts)
VARIABLE = re.compile(r"(?<![A-Z_{])(?:FRIDGE|STRIPE|DAGSTER)_[A-Z_]+[A-Z]")

#: Read by Dagster, not by us.
DAGSTERS = {"DAGSTER_HOME", "DAGSTER_EVENT_BATCH_SIZE"}

#: What keys and passwords look like: Stripe's, anything in a DSN, private keys.
SECRET = re.compile(r"(?:sk|rk|whsec)_(?:live|test)_\w+|://[^\s:/@]+:[^\s$@{…\\]+@|BEGIN [A-Z ]*PRIVATE KEY")


def variables_of_the_product() -> set[str]:
    read = set()
    for source in (REPOSITORY / "fridge_pipeline").rglob("*.py"):
        read |= set(VARIABLE.findall(source.read_text()))
    return read | {name + FILE_SUFFIX for name in SECRETS} | DAGSTERS


def commands() -> Iterator[list[str]]:
    """Every command line of ours and of Dagster's in the layout."""
    for service in read_yaml("compose.yaml")["services"].values():
        yield from (service[key] for key in ("command",) if key in service)
        yield service.get("healthcheck", {}).get("test", ["CMD", ""])[1:]
    yield read_yaml("helm/migrate-job.yaml")["spec"]["template"]["spec"]["containers"][0]["args"]
    for document in read_all_yaml("helm/console-and-metrics.yaml"):
        if document["kind"] == "Deployment":
            yield document["spec"]["template"]["spec"]["containers"][0]["args"]
    code = read_yaml("helm/values.yaml")["dagster-user-deployments"]["deployments"][0]
    yield ["dagster", "api", "grpc", "-h", "0.0.0.0", "-p", str(code["port"]), *code["dagsterApiGrpcArgs"]]  # noqa: S104
    for unit in UNITS:
        program, *arguments = unit_lines(unit, "ExecStart")[0].split()
        yield [Path(program).name, *arguments]


def understands(line: list[str]) -> None:
    """Parses a command line by the program's own command; raises what the program would show."""
    programs: dict[str, click.Command] = {
        "fridge": fridge,
        "dagster": create_dagster_cli(),  # type: ignore[no-untyped-call] # Dagster's own is not annotated
        "dagster-daemon": create_dagster_daemon_cli(),
    }
    command, arguments, context = programs[line[0]], line[1:], None
    while isinstance(command, click.Group):
        context = click.Context(command, context)
        _, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found
    command.make_context(command.name, arguments, context)


def test_every_command_is_one_that_the_installed_programs_understand() -> None:
    lines = [line for line in commands() if line[0].split("-")[0] in {"fridge", "dagster"}]
    assert len(lines) == 7 + 2 + 1 + 2 + 1 + 7
    for line in lines:
        understands(line)
    for wrong in (["fridge", "serve", "kode"], ["fridge", "serve", "daemon", "--code-hots", "x"]):
        with pytest.raises(click.UsageError):
            understands(wrong)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_every_variable_is_one_that_is_read(file: Path) -> None:
    named = set(VARIABLE.findall(file.read_text()))
    # What a variable of Compose's own is called, before the container has it, is its user's affair.
    assert named - variables_of_the_product() == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_no_secret_stands_in_a_file(file: Path) -> None:
    assert SECRET.findall(file.read_text()) == []


def test_secrets_that_are_made_stay_out_of_the_repository_and_out_of_the_image() -> None:
    assert "deploy/secrets/" in (REPOSITORY / ".gitignore").read_text().splitlines()
    for text in ("postgresql://a:hidden@b/c", "sk_live_123", "-----BEGIN RSA PRIVATE KEY-----"):
        assert SECRET.search(text), "or the test above could not fail"


def test_every_document_and_file_that_a_comment_names_exists() -> None:
    named = re.compile(r"\b(?:docs|deploy|requirements)/[\w./-]+\.(?:md|ya?ml|sh|txt|in)\b")
    missing = [
        (file.name, path)
        for file in FILES
        for path in named.findall(file.read_text())
        if not (REPOSITORY / path).exists()
    ]
    assert missing == []
