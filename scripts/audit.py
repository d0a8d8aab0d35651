"""Asks the advisory service about every pinned package, by pip-audit: ``make audit``, and ``make test`` too.

    python scripts/audit.py           exit code 1 when a pin is affected and requirements/accepted.toml does not accept
                                      it, or when the service could not be asked
    python scripts/audit.py --warn    the same, said and no more: what `make test` does, which must not fail because a
                                      day has come, nor without a network

Further options go to pip-audit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"
#: Of one call, and of all together: a network that swallows everything must not keep anybody waiting.
CALL_SECONDS, ALL_SECONDS = 5, 90


class NotAskedError(Exception):
    """The service gave no answer about all pins; the text says why."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An advisory that we live with until a day."""

    package: str
    id: str
    reason: str
    until: date


def read_accepted(file: Path) -> list[Accepted]:
    """The accepted ones. Raises ``ValueError`` for one without a reason or an end."""
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("accepted", []) if file.exists() else []
    for entry in entries:
        if not str(entry.get("reason", "")).strip() or not isinstance(entry.get("until"), date):
            raise ValueError(f"{file.name}: {entry.get('id')} needs a reason, and a date until which it is accepted")
    return [Accepted(**entry | {"package": canonicalize_name(entry["package"])}) for entry in entries]


def ask(folder: Path, options: Sequence[str]) -> list[dict[str, Any]]:
    """Every pin of the folder with its advisories. Raises ``NotAskedError``."""
    pins = [f"--requirement={file}" for file in sorted(folder.glob("*.txt"))]
    # --strict: without it a package that the service does not know counts as one without an advisory.
    how = ["--strict", "--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json"]
    command = [sys.executable, "-m", "pip_audit", *how, f"--timeout={CALL_SECONDS}", *pins, *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise NotAskedError(f"no answer within {ALL_SECONDS} s") from error
    if not done.stdout.strip():
        *_, last = done.stderr.strip().splitlines() or ["no answer"]
        raise NotAskedError(last.removeprefix("ERROR:pip_audit._cli:"))
    return list(json.loads(done.stdout)["dependencies"])


def judge(packages: list[dict[str, Any]], accepted: list[Accepted], today: date) -> int:
    """Prints what was found; returns how many advisories of a pin nobody accepts today."""
    failures, used = 0, set()
    for package in packages:
        for found in package["vulns"]:
            names = {found["id"], *found["aliases"]}
            entry = next((each for each in accepted if each.package == package["name"] and each.id in names), None)
            fixed = " or ".join(found["fix_versions"]) or "no version"
            named = f"{package['name']}=={package['version']}: {found['id']}, fixed in {fixed}"
            if entry is None:
                failures += 1
                say(f"  AFFECTED: {named}; https://osv.dev/vulnerability/{found['id']}")
                continue
            used.add(entry)
            if entry.until < today:
                failures += 1
                say(f"  AFFECTED: {named}; accepted until {entry.until} only: look at it anew")
            else:
                say(f"  accepted until {entry.until}: {named}; {entry.reason}")
    for entry in accepted:
        if entry not in used:
            say(f"  accepted.toml: {entry.package} is not affected by {entry.id} any more; remove the entry")
    return failures


def say(text: str) -> None:
    """A line for whoever runs it."""
    sys.stdout.write(f"{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requirements", type=Path, default=REQUIREMENTS, help="the folder of pins and accepted.toml")
    parser.add_argument("--today", type=date.fromisoformat, default=datetime.now(UTC).date())
    parser.add_argument("--warn", action="store_true", help="exit code 0 whatever was found or not asked")
    given, options = parser.parse_known_args(arguments)
    accepted = read_accepted(given.requirements / "accepted.toml")
    try:
        packages = ask(given.requirements, options)
    except NotAskedError as error:
        say(f"audit {'skipped' if given.warn else 'failed'}: the advisory service could not be asked: {error}")
        return 0 if given.warn else 1
    failures = judge(packages, accepted, given.today)
    said = (
        f"{failures} affected: raise the pin, or accept it with a reason" if failures else "none is affected unaccepted"
    )
    say(f"{'WARNING: ' if failures and given.warn else ''}{len(packages)} pinned packages: {said}")
    return 1 if failures and not given.warn else 0


if __name__ == "__main__":
    sys.exit(main())
