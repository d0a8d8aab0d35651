"""The image: what its recipe copies exists, and what it must not have cannot get in. No engine was here to build it."""

from __future__ import annotations

import fnmatch
import re

from fridge_pipeline.settings import REPOSITORY
from tests.deploy.files import DEPLOY

TEXT = (DEPLOY / "Containerfile").read_text()
IGNORED = (REPOSITORY / ".containerignore").read_text().splitlines()

UNCOMMENTED = "\n".join(line for line in TEXT.splitlines() if not line.startswith("#"))

#: Each instruction with its arguments, continuation lines joined.
INSTRUCTIONS = [
    tuple(line.split(maxsplit=1)) for line in re.sub(r"\\\n\s*", " ", UNCOMMENTED).splitlines() if line.strip()
]


def arguments(instruction: str) -> list[str]:
    return [given for name, given in INSTRUCTIONS if name == instruction]


def test_every_instruction_is_one_and_the_base_is_pinned_by_its_digest() -> None:
    known = {"ARG", "FROM", "WORKDIR", "RUN", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "CMD"}
    assert {name for name, _ in INSTRUCTIONS} <= known
    assert len(arguments("FROM")) == 2
    assert all(given.startswith("${PYTHON_IMAGE}") for given in arguments("FROM"))
    base = next(given for given in arguments("ARG") if given.startswith("PYTHON_IMAGE="))
    assert re.fullmatch(r"PYTHON_IMAGE=docker\.io/library/python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)


def test_what_it_copies_exists_and_nothing_else_of_the_checkout_reaches_the_builder() -> None:
    copied = [
        source.rstrip("/")
        for given in arguments("COPY")
        if not given.startswith("--from")
        for source in given.split()[:-1]
    ]
    assert [source for source in copied if not (REPOSITORY / source).exists()] == []
    let_in = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    assert (IGNORED[1], let_in) == ("*", set(copied))
    assert not any(fnmatch.fnmatch("deploy/secrets/stripe_api_key", each) for each in let_in)
    dockers = (
        (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    )  # Docker reads that one, Podman the other
    assert dockers == IGNORED


def test_packages_are_those_of_the_pinned_files_by_hash_as_in_a_checkout() -> None:
    install = next(given for given in arguments("RUN") if "requirements/${REQUIREMENTS}.txt" in given)
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(install.split())
    default = next(given for given in arguments("ARG") if given.startswith("REQUIREMENTS="))
    for name in (default.split("=")[1], "kubernetes"):
        pins = (REPOSITORY / "requirements" / f"{name}.txt").read_text()
        assert pins.count("==") <= pins.count("--hash=sha256:")
    assert "http" not in TEXT, "the index is pip's own configuration"


def test_the_image_for_kubernetes_has_the_very_packages_of_the_other_and_the_run_launcher() -> None:
    def pins(name: str) -> set[str]:
        lines = (REPOSITORY / "requirements" / f"{name}.txt").read_text().splitlines()
        return {line.split()[0] for line in lines if "==" in line}

    assert pins("run") <= pins("kubernetes")
    versions = {pin.split("==")[0]: pin.split("==")[1] for pin in pins("kubernetes")}
    assert versions["dagster-k8s"] == versions["dagster-postgres"]


def test_the_user_is_a_number_that_is_not_root_and_owns_the_only_folder_it_writes_to() -> None:
    assert arguments("USER") == ["10001:10001"]
    assert [name for name, _ in INSTRUCTIONS][-1] == "CMD"
    assert arguments("ENTRYPOINT") == [], "Dagster's chart and launcher hand in whole commands"
    assert "install -d -o fridge -g fridge -m 0750 /var/lib/fridge" in " ".join(arguments("RUN"))
