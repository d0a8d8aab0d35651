"""The audit of pins, against a service of our own that answers as the real one does, and the bill of materials."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scripts import audit as script
from tests.serving import served

ROOT = Path(__file__).parents[2]
HASH = f" --hash=sha256:{0:064d}\n"
RECORD = {
    "id": "PYSEC-2026-1",
    "aliases": ["CVE-2026-1"],
    "summary": "its door does not close",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "cold-store"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0.7"}]}],
        }
    ],
}
ANSWER = [
    {
        "name": "cold-store",
        "version": "2.0.5",
        "vulns": [
            {
                "id": "PYSEC-2026-1",
                "fix_versions": ["2.0.7"],
                "aliases": ["CVE-2026-1"],
                "description": "its door does not close",
            }
        ],
    },
    {"name": "warm", "version": "1.0rc1", "vulns": []},
]
ENTRY = '[[accepted]]\npackage = "Cold_Store"\nid = "CVE-2026-1"\nuntil = 2026-06-30\nreason = "{}"\n'


class Advisories(BaseHTTPRequestHandler):
    """Knows one record, of cold-store 2.0.5."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_affected = (asked["package"]["name"], asked["version"]) == ("cold-store", "2.0.5")
        answer = json.dumps({"vulns": [RECORD]} if is_affected else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "run.txt").write_text(f"cold-store==2.0.5{HASH}warm==1.0rc1{HASH}")
    return tmp_path


def called_by(target: str) -> list[str]:
    """With which arguments ``make test`` or ``make audit`` calls it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "AUDIT"))}
    planned = subprocess.run(
        ["make", "-n", target], cwd=ROOT, env=own, capture_output=True, text=True, check=True, timeout=60
    )
    (line,) = [each for each in planned.stdout.splitlines() if "scripts/audit.py" in each]
    return line.partition("scripts/audit.py")[2].split()


Audit = Callable[..., tuple[int, str]]


@pytest.fixture
def audit(pins: Path, capsys: pytest.CaptureFixture[str]) -> Audit:
    """What the audit of a make target says: exit code and output."""

    def asked(target: str, today: str = "2026-05-01", service: str = "") -> tuple[int, str]:
        to = ["-s", "osv", "--osv-url", service, "--cache-dir", str(pins / "cache"), "--timeout", "1"]
        options = [*called_by(target), "--requirements", str(pins), "--today", today, *to]
        code = script.main(options)
        return code, capsys.readouterr().out

    return asked


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's answer as the first test met it, without asking again."""
    monkeypatch.setattr(script, "ask", lambda *_: ANSWER)


def test_every_pin_is_asked_for_and_an_affected_one_has_its_record_and_fix(pins: Path) -> None:
    with served(Advisories) as address:
        assert script.ask(pins, ["-s", "osv", "--osv-url", f"{address}/", "--cache-dir", str(pins / "cache")]) == ANSWER


@pytest.mark.usefixtures("answered")
def test_an_affected_pin_fails_make_audit_and_only_warns_in_make_test(audit: Audit) -> None:
    said = "AFFECTED: cold-store==2.0.5: PYSEC-2026-1, fixed in 2.0.7; https://osv.dev/vulnerability/PYSEC-2026-1"
    code, told = audit("audit")
    assert (code, said in told, "2 pinned packages: 1 affected" in told) == (1, True, True), told
    code, told = audit("test")
    assert (code, said in told, "WARNING: 2 pinned packages: 1 affected" in told) == (0, True, True), told


@pytest.mark.usefixtures("answered")
def test_an_acceptance_passes_until_its_day_and_then_fails_make_audit_and_only_warns_in_make_test(
    audit: Audit, pins: Path
) -> None:
    (pins / "accepted.toml").write_text(ENTRY.format("its door is not used"))
    code, told = audit("audit", "2026-06-30")
    assert (code, "accepted until 2026-06-30: cold-store==2.0.5" in told) == (0, True), told
    for target, expected in {"audit": 1, "test": 0}.items():
        code, told = audit(target, "2026-07-01")
        assert (code, "accepted until 2026-06-30 only" in told) == (expected, True), told


@pytest.mark.usefixtures("answered")
def test_an_acceptance_has_a_reason_and_one_that_nothing_needs_is_told(audit: Audit, pins: Path) -> None:
    (pins / "accepted.toml").write_text(ENTRY.format(" "))
    with pytest.raises(ValueError, match="CVE-2026-1 needs a reason"):
        audit("test")
    (pins / "accepted.toml").write_text(ENTRY.format("its door is not used").replace("Cold", "Warm"))
    assert "warm-store is not affected by CVE-2026-1 any more; remove the entry" in audit("audit")[1]


@pytest.mark.parametrize("listens", [False, True], ids=["nobody is there", "it takes the call and says nothing"])
def test_without_the_service_make_test_goes_on_with_a_line_and_make_audit_fails(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, *, listens: bool
) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if listens:
            listening.listen()
        code, told = audit("test", service=f"http://127.0.0.1:{listening.getsockname()[1]}/")
    assert (code, told.count("\n"), told.startswith("audit skipped: ")) == (0, 1, True), told
    monkeypatch.setattr(script, "ALL_SECONDS", 0.001)
    code, told = audit("audit")
    assert (code, told) == (1, "audit failed: the advisory service could not be asked: no answer within 0.001 s\n")


@pytest.mark.prove
def test_the_bill_of_materials_lists_what_runs_with_licences_and_needs_and_nothing_of_the_tests(tmp_path: Path) -> None:
    target = tmp_path / "sbom.json"
    subprocess.run(["make", "sbom", f"SBOM={target}"], cwd=ROOT, check=True, capture_output=True, timeout=900)
    bill = json.loads(target.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    components = {each["name"]: each for each in bill["components"]}
    assert {"dagster", "polars", "stripe", "urllib3"} < components.keys()
    assert "pytest" not in components
    pins = (ROOT / "requirements" / "run.txt").read_text().lower()
    for name, component in components.items():
        assert f"\n{name.lower().replace('_', '-').replace('.', '-')}=={component['version']}" in f"\n{pins}"
    assert sum("licenses" in each for each in components.values()) > 0.9 * len(components)
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert components["urllib3"]["bom-ref"] in needs[components["requests"]["bom-ref"]]
    assert components["polars"]["bom-ref"] in needs["root-component"]
