"""The comparison of pins with advisories, and the bill of materials, as the commands that people run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

RECORD = """
id: PYSEC-2026-1
modified: 2026-03-01T10:00:00.000000Z
aliases: [CVE-2026-1, GHSA-aaaa-bbbb-cccc]
affected:
- package: {ecosystem: PyPI, name: Cold_Store}
  ranges:
  - type: GIT
    events: [{introduced: "0"}, {fixed: 4e98d57809dacab1cbe625fddeec1a290c478ea9}]
  - type: ECOSYSTEM
    events:
    - introduced: 2.0.0
    - fixed: 2.0.7
    - introduced: "0"
    - fixed: 1.26.18
  versions: ["1.0", "2.0.1"]
- package: {ecosystem: npm, name: cold-store}
  ranges:
  - type: SEMVER
    events: [{introduced: "0"}]
"""


def audit(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "audit.py"), "--requirements", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def arguments_of(target: str) -> list[str]:
    """With which arguments ``make test`` or ``make audit`` calls it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "EXPIRED"))}
    planned = subprocess.run(
        ["make", "-n", target], cwd=ROOT, env=own, capture_output=True, text=True, check=True, timeout=60
    )
    (line,) = [each for each in planned.stdout.splitlines() if "scripts/audit.py" in each]
    return line.partition("scripts/audit.py")[2].split()


def osv(number: int, name: str, *events: dict[str, str], **more: Any) -> str:
    """A record as the GitHub Advisory Database has it."""
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}]
    affected = [{"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges}]
    return json.dumps({"id": f"GHSA-{number}", "modified": "2026-04-01T00:00:00Z", "affected": affected, **more})


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """Pins, and a checkout of advisories of which some are about them."""
    folder, records = tmp_path / "requirements", tmp_path / "advisories" / "vulns"
    folder.mkdir()
    records.mkdir(parents=True)
    (folder / "run.txt").write_text("cold-store==2.0.5 \\\n    --hash=sha256:00\nwarm==1.0rc1\n")
    (records / "one.yaml").write_text(RECORD)
    (records / "two.json").write_text(osv(2, "warm", {"introduced": "0.5"}, {"last_affected": "0.9"}))
    (records / "of-another.json").write_text(osv(3, "hot", {"introduced": "0"}))
    (records / "withdrawn.json").write_text(osv(4, "warm", {"introduced": "0"}, withdrawn="2026-04-02T00:00:00Z"))
    return folder


def taken(pins: Path, *more: str) -> tuple[int, str]:
    return audit(pins, "--advisories", str(pins.parent / "advisories"), "--today", "2026-05-01", *more)


@pytest.mark.parametrize(
    ("pin", "is_affected"),
    [("1.26.17", True), ("1.26.18", False), ("2.0.0rc1", False), ("2.0.6.post1", True), ("2.0.7", False)],
)
def test_a_pin_is_affected_within_a_span_of_its_record_and_nowhere_else(
    pins: Path, pin: str, *, is_affected: bool
) -> None:
    (pins / "run.txt").write_text(f"cold-store=={pin}\n")
    code, told = taken(pins)
    assert code == is_affected, told
    assert ("AFFECTED: cold-store" in told) is is_affected


def test_an_affected_pin_fails_and_says_which_file_which_record_and_which_fix(pins: Path) -> None:
    code, told = taken(pins)
    assert code == 1
    assert "2 pinned packages compared with 2 advisories, taken 2026-05-01" in told
    assert "newest record 2026-04-01" in told
    assert "AFFECTED: cold-store==2.0.5 (run.txt): PYSEC-2026-1, fixed in 1.26.18 or 2.0.7; https://osv.dev/" in told
    snapshot = json.loads((pins / "advisories.json").read_text())
    assert [(each["id"], each["affected"]) for each in snapshot["advisories"]] == [
        ("PYSEC-2026-1", ["<1.26.18", ">=2.0.0,<2.0.7"]),
        ("GHSA-2", [">=0.5,<=0.9"]),
    ]
    assert "CC-BY-4.0" in snapshot["attribution"]


def test_an_accepted_pin_passes_until_its_day_and_never_without_a_reason(pins: Path) -> None:
    entry = '[[accepted]]\npackage = "Cold_Store"\nid = "CVE-2026-1"\nuntil = 2026-06-30\nreason = "{}"\n'
    (pins / "accepted.toml").write_text(entry.format("its door is not used"))
    code, told = taken(pins)
    assert (code, "accepted until 2026-06-30: cold-store==2.0.5" in told) == (0, True), told
    code, told = audit(pins, "--today", "2026-07-01")
    assert code == 1
    assert "accepted until 2026-06-30 only" in told
    (pins / "accepted.toml").write_text(entry.format(" "))
    code, told = audit(pins, "--today", "2026-05-01")
    assert code == 1
    assert "CVE-2026-1 needs a reason" in told
    (pins / "accepted.toml").write_text(entry.format("its door is not used"))
    (pins / "run.txt").write_text("cold-store==2.0.7\n")
    code, told = audit(pins, "--today", "2026-05-01")
    assert (code, "cold-store is not affected by CVE-2026-1 any more; remove the entry" in told) == (0, True), told


def test_an_acceptance_that_has_run_out_fails_make_audit_and_only_warns_in_make_test(pins: Path) -> None:
    entry = '[[accepted]]\npackage = "cold-store"\nid = "PYSEC-2026-1"\nuntil = 2026-06-30\nreason = "not used"\n'
    (pins / "accepted.toml").write_text(entry)
    taken(pins)
    called = {target: audit(pins, *arguments_of(target), "--today", "2026-07-01") for target in ("test", "audit")}
    assert {target: code for target, (code, _) in called.items()} == {"test": 0, "audit": 1}, called
    assert "WARNING: cold-store==2.0.5 (run.txt): PYSEC-2026-1" in called["test"][1]
    assert "AFFECTED: cold-store==2.0.5 (run.txt): PYSEC-2026-1" in called["audit"][1]
    (pins / "run.txt").write_text("cold-store==2.0.5\nwarm==0.8\n")
    code, told = audit(pins, *arguments_of("test"), "--today", "2026-07-01")
    assert (code, "AFFECTED: warm==0.8 (run.txt): GHSA-2" in told) == (1, True), told


def test_an_old_snapshot_warns_and_does_not_fail_and_a_folder_without_records_replaces_nothing(pins: Path) -> None:
    (pins / "run.txt").write_text("cold-store==3\n")
    taken(pins)
    before = (pins / "advisories.json").read_bytes()
    assert "WARNING" not in audit(pins, "--today", "2026-06-30")[1]
    code, told = audit(pins, "--today", "2026-07-01")
    assert (code, "WARNING: they are 61 days old" in told) == (0, True), told
    (pins / "run.txt").write_text("unheard-of==3\n")
    code, told = taken(pins)
    assert (code, "nothing was written" in told) == (1, True)
    assert (pins / "advisories.json").read_bytes() == before


def test_the_projects_own_pins_are_compared_with_advisories_that_concern_them() -> None:
    snapshot = json.loads((ROOT / "requirements" / "advisories.json").read_text())
    pinned = "\n".join(path.read_text() for path in (ROOT / "requirements").glob("*.txt"))
    assert len(snapshot["advisories"]) > 20
    assert [each["id"] for each in snapshot["advisories"] if f"\n{each['package']}==" not in f"\n{pinned}"] == []


def test_the_bill_of_materials_is_valid_has_every_pin_of_this_system_and_names_no_place_to_get_them(
    tmp_path: Path,
) -> None:
    """The command itself fails when the document does not fit CycloneDX's schema."""
    target = tmp_path / "sbom.json"
    command = [sys.executable, "-W", "error", str(ROOT / "scripts" / "bill_of_materials.py"), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    text = target.read_text()
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    components = {each["name"]: each for each in bill["components"]}
    pins = (ROOT / "requirements" / "run.txt").read_text()
    assert {"dagster", "polars", "stripe", "urllib3"} < components.keys()
    assert "pytest" not in components
    for name, component in components.items():
        assert f"{name}=={component['version']}" in pins
        assert component["licenses"], name
        (files,) = component["externalReferences"]
        assert all(f"sha256:{each['content']}" in pins for each in files["hashes"])
        assert files["hashes"]
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert components["urllib3"]["bom-ref"] in needs[components["requests"]["bom-ref"]]
    assert components["polars"]["bom-ref"] in needs["fridge_pipeline"]
    assert "://" not in text.replace("http://cyclonedx.org/schema/", "")
