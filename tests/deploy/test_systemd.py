"""The systemd units: by systemd's own check where there is one, and by what must be true of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, OF_ALL_UNITS, UNITS, unit_lines

INSTALLED = "/opt/fridge/.venv/bin/fridge"
HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "RestrictNamespaces": "yes",
    "SystemCallFilter": "@system-service",
}
CREDENTIALS = {
    "fridge-migrate": {"owner_database_url"},
    "fridge-code": {"database_url", "stripe_api_key"},
    "fridge-daemon": {"database_url"},
    "fridge-webserver": {"database_url"},
    "fridge-finance-webserver": {"finance_database_url"},
    "fridge-metrics": {"metrics_database_url"},
    "fridge-console": {"finance_database_url"},
}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    here = str(Path(sys.executable).parent / "fridge")
    for unit in [*UNITS, DEPLOY / "systemd" / "fridge.target"]:
        (tmp_path / unit.name).write_text(unit.read_text().replace(INSTALLED, here))
    shutil.copytree(OF_ALL_UNITS.parent, tmp_path / OF_ALL_UNITS.parent.name)
    units = sorted(each for each in tmp_path.iterdir() if each.is_file())
    command = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    ours = [line for line in found.stderr.splitlines() if "fridge" in line]
    assert (found.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_a_unit_is_hardened_bounded_in_memory_and_not_root(unit: Path) -> None:
    assert {key: unit_lines(unit, key) for key in HARDENED} == {key: [value] for key, value in HARDENED.items()}
    assert len(unit_lines(unit, "MemoryMax")) == 1
    assert unit_lines(unit, "User")[0].startswith("fridge")
    assert [line.split()[0] for line in unit_lines(unit, "ExecStart")] == [INSTALLED]
    if unit.stem != "fridge-migrate":
        assert unit_lines(unit, "Restart") == ["always"]


def test_each_unit_gets_its_own_credentials_by_file_and_only_who_asks_the_code_is_its_user() -> None:
    given = {unit.stem: {line.split(":")[0] for line in unit_lines(unit, "LoadCredential")} for unit in UNITS}
    assert given == CREDENTIALS
    for unit in UNITS:
        files = {line.split("%d/")[1] for line in unit_lines(unit, "Environment") if "_FILE=" in line}
        assert files == CREDENTIALS[unit.stem]
    users = {unit.stem: unit_lines(unit, "User")[0] for unit in UNITS}
    others = dict.fromkeys(("fridge-finance-webserver", "fridge-console"), "fridge-finance")
    assert {name: user for name, user in users.items() if user != "fridge"} == {
        **others,
        "fridge-metrics": "fridge-metrics",
    }


def test_the_target_starts_all_services_and_nothing_listens_beyond_this_machine() -> None:
    wanted = unit_lines(DEPLOY / "systemd" / "fridge.target", "Wants")[0].split()
    assert set(wanted) == {unit.name for unit in UNITS if unit.stem != "fridge-migrate"}
    commands = [unit_lines(unit, "ExecStart")[0] for unit in UNITS]
    assert [each for each in commands if "--host" in each and "--host 127.0.0.1" not in each] == []
