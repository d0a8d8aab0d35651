"""Compares every pinned package with known advisories: ``make audit``.

Works without a network, against a snapshot of advisories that is part of the project. A snapshot ages: it says nothing
of what was found after it was taken. ``make audit ONLINE=1`` asks the advisory services as well.

    python scripts/audit.py                        compare; exit code 1 when a pin is affected
    python scripts/audit.py --expired warn         the same, except that an acceptance that has run out only warns: what
                                                   `make test` does, which must not fail because a day has come
    python scripts/audit.py --advisories DIR       take the snapshot anew from OSV records below DIR: a checkout of
                                                   github.com/pypa/advisory-database (CC-BY-4.0), of
                                                   github.com/github/advisory-database (CC-BY-4.0), or both
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"
PIN_FILES = ("run.txt", "test.txt", "bench.txt", "audit.txt", "kubernetes.txt", "scale.txt")
OLD_AFTER_DAYS = 60
ATTRIBUTION = (
    "From the PyPA Advisory Database (github.com/pypa/advisory-database) and the GitHub Advisory Database"
    " (github.com/github/advisory-database), both CC-BY-4.0; shortened to what names a record and its versions."
)

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Advisory:
    """One record for one package: the versions it affects, as specifiers of which any may hold."""

    package: str
    id: str
    aliases: list[str]
    modified: str
    affected: list[str]
    link: str

    def affects(self, version: Version) -> bool:
        """Whether a version is affected; pre-releases count like any other."""
        return any(SpecifierSet(each).contains(version, prereleases=True) for each in self.affected)

    @property
    def fixed_in(self) -> str:
        """The versions before which it is there."""
        fixes = sorted({part[1:] for each in self.affected for part in each.split(",") if re.match(r"<\d", part)})
        return " or ".join(fixes) if fixes else "no version"


@dataclass(frozen=True, slots=True)
class Accepted:
    """An affected pin that somebody decided to live with, why, and until when."""

    package: str
    id: str
    reason: str
    until: date


def read_pins(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Package → version → the files that pin it. Raises ``ValueError`` when there is none."""
    pins: dict[str, dict[str, list[str]]] = {}
    for file in (folder / name for name in PIN_FILES):
        for found in _PIN.finditer(file.read_text(encoding="utf-8")) if file.exists() else ():
            versions = pins.setdefault(canonicalize_name(found["name"]), {})
            versions.setdefault(found["version"], []).append(file.name)
    if not pins:
        raise ValueError(f"no pins in {folder}")
    return pins


def read_records(folder: Path, packages: set[str]) -> list[Advisory]:
    """The advisories of the packages among all OSV records below a folder; withdrawn ones are left out."""
    found: dict[tuple[str, str], Advisory] = {}
    for path in sorted(path for ending in ("*.yaml", "*.json") for path in folder.rglob(ending)):
        record = _load(path)
        if not record or record.get("withdrawn"):
            continue
        for affected in record.get("affected", []):
            package = canonicalize_name(str(affected.get("package", {}).get("name", "")))
            if affected.get("package", {}).get("ecosystem") != "PyPI" or package not in packages:
                continue
            specifiers = sorted(set(_specifiers(affected)))
            if earlier := found.get((package, str(record["id"]))):
                specifiers = sorted({*earlier.affected, *specifiers})
            found[package, str(record["id"])] = Advisory(
                package=package,
                id=str(record["id"]),
                aliases=sorted(map(str, record.get("aliases", []))),
                modified=_day(record["modified"]),
                affected=specifiers,
                link=_link(str(record["id"])),
            )
    return sorted(found.values(), key=lambda each: (each.package, each.id))


def _load(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    record = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=yaml.CSafeLoader)
    return record if isinstance(record, dict) and "id" in record and "modified" in record else {}


def _specifiers(affected: Mapping[str, Any]) -> Iterator[str]:
    """OSV's ranges and versions as specifiers (ossf.github.io/osv-schema, "affected[].ranges[]")."""
    for given in affected.get("ranges", []):
        if given.get("type") == "ECOSYSTEM":
            yield from _spans(given.get("events", []))
    listed = [str(each) for each in affected.get("versions", [])]
    if not any(given.get("type") == "ECOSYSTEM" for given in affected.get("ranges", [])):
        yield from (f"=={each}" for each in listed if _is_version(each))


def _spans(events: list[Mapping[str, Any]]) -> Iterator[str]:
    """Each ``introduced`` up to the next event after it, whatever order they stand in."""
    ordered = sorted(
        ((Version(str(value)), kind) for event in events for kind, value in event.items() if _is_version(str(value))),
        key=lambda each: (each[0], each[1] == "introduced"),
    )
    begin: Version | None = None
    for version, kind in ordered:
        if kind == "introduced":
            begin = version if begin is None else begin
        elif begin is not None and kind in {"fixed", "last_affected"}:
            yield _span(begin, f"{'<' if kind == 'fixed' else '<='}{version}")
            begin = None
    if begin is not None:
        yield _span(begin, "")


def _span(begin: Version, end: str) -> str:
    start = "" if begin == Version("0") else f">={begin}"
    return ",".join(part for part in (start, end) if part) or ">=0"


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _day(moment: object) -> str:
    return moment.date().isoformat() if isinstance(moment, datetime) else str(moment)[:10]


def _link(record_id: str) -> str:
    place = "https://github.com/advisories" if record_id.startswith("GHSA-") else "https://osv.dev/vulnerability"
    return f"{place}/{record_id}"


def write_snapshot(target: Path, advisories: list[Advisory], taken: date, note: str) -> None:
    """Writes the snapshot, with what must be known to judge it."""
    snapshot = {
        "attribution": ATTRIBUTION,
        "taken": taken.isoformat(),
        "newest_record": max((each.modified for each in advisories), default=None),
        "note": note,
        "advisories": [asdict(each) for each in advisories],
    }
    target.write_text(json.dumps(snapshot, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_accepted(file: Path) -> list[Accepted]:
    """The accepted ones. Raises ``ValueError`` for one without a reason or an end."""
    entries = tomllib.loads(file.read_text(encoding="utf-8")).get("accepted", []) if file.exists() else []
    for entry in entries:
        if not str(entry.get("reason", "")).strip() or not isinstance(entry.get("until"), date):
            raise ValueError(f"{file.name}: {entry.get('id')} needs a reason, and a date until which it is accepted")
    return [Accepted(canonicalize_name(each["package"]), each["id"], each["reason"], each["until"]) for each in entries]


def say(text: str) -> None:
    """A line for whoever runs it."""
    sys.stdout.write(f"{text}\n")


def compare(folder: Path, today: date, *, expired_fail: bool) -> int:
    """Prints what was compared and found; returns how many affected pins nobody accepts.

    ``expired_fail`` says whether those count that were accepted until a day that has passed.
    """
    pins = read_pins(folder)
    snapshot = json.loads((folder / "advisories.json").read_text(encoding="utf-8"))
    advisories = [Advisory(**each) for each in snapshot["advisories"]]
    accepted = {(each.package, name): each for each in read_accepted(folder / "accepted.toml") for name in [each.id]}
    taken = date.fromisoformat(snapshot["taken"])
    say(f"{len(pins)} pinned packages compared with {len(advisories)} advisories, taken {taken}")
    say(f"  newest record {snapshot['newest_record']}; {snapshot['note']}")
    if (age := (today - taken).days) > OLD_AFTER_DAYS:
        say(f"  WARNING: they are {age} days old; take them anew (scripts/audit.py --advisories DIR)")
    failures, used = 0, set()
    for advisory in advisories:
        for version, files in pins.get(advisory.package, {}).items():
            if not advisory.affects(Version(version)):
                continue
            key = next(
                (
                    (advisory.package, name)
                    for name in (advisory.id, *advisory.aliases)
                    if (advisory.package, name) in accepted
                ),
                None,
            )
            named = f"{advisory.package}=={version} ({', '.join(files)}): {advisory.id}, fixed in {advisory.fixed_in}"
            if key is None:
                failures += 1
                say(f"  AFFECTED: {named}; {advisory.link}")
                continue
            used.add(key)
            if (until := accepted[key].until) >= today:
                say(f"  accepted until {until}: {named}; {accepted[key].reason}")
                continue
            failures += expired_fail
            grade = "AFFECTED" if expired_fail else "WARNING"
            say(f"  {grade}: {named}; {advisory.link}; accepted until {until} only: look at it anew (make audit)")
    for package, name in sorted(accepted.keys() - used):
        say(f"  accepted.toml: {package} is not affected by {name} any more; remove the entry")
    none = f"no {'other ' if used else ''}pin is affected"
    say(none if not failures else f"{failures} affected: raise the pin, or accept it with a reason")
    return failures


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requirements", type=Path, default=REQUIREMENTS, help="the folder of pins and snapshot")
    parser.add_argument("--advisories", type=Path, help="take the snapshot anew from the records below this folder")
    parser.add_argument("--note", default="taken from whole checkouts", help="what must be known of the snapshot")
    parser.add_argument("--today", type=date.fromisoformat, default=datetime.now(UTC).date())
    parser.add_argument(
        "--expired", choices=("fail", "warn"), default="fail", help="what an acceptance does whose day has passed"
    )
    given = parser.parse_args()
    if given.advisories is not None:
        records = read_records(given.advisories, set(read_pins(given.requirements)))
        if not records:
            sys.exit(f"no record below {given.advisories} is about a pinned package: nothing was written")
        write_snapshot(given.requirements / "advisories.json", records, given.today, given.note)
    return 1 if compare(given.requirements, given.today, expired_fail=given.expired == "fail") else 0


if __name__ == "__main__":
    sys.exit(main())
