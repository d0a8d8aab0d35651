"""Writes what the program runs on as a CycloneDX bill of materials: ``make sbom``.

One component a pinned package of requirements/run.txt that is installed here, with its licence as the package states
it, the hashes that its pin allows, and what needs what. It names no address that a package comes from. The document
is checked with CycloneDX's own schema before it is written.

    python scripts/bill_of_materials.py sbom.json
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]

_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)[^\n]*\n(?P<hashes>(?:    --hash=[^\n]+\n?)*)", re.MULTILINE
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

#: A text longer than this is no name of a licence but the licence.
LICENCE_NAME_MAX = 100


def read_pins(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version and allowed SHA-256 of every pin."""
    for found in _PIN.finditer(text):
        yield canonicalize_name(found["name"]), found["version"], _HASH.findall(found["hashes"])


def installed(name: str, version: str) -> Distribution | None:
    """The installed package; none where its pin is for another system. Raises ``ValueError`` for another version."""
    try:
        found = importlib.metadata.distribution(name)
    except PackageNotFoundError:
        return None
    if found.version != version:
        raise ValueError(f"{name} {found.version} is installed, {version} is pinned; make setup, and run again")
    return found


def licence_of(package: Distribution) -> License | None:
    """The licence as the package states it: an expression, a classifier, or its own words."""
    stated = package.metadata
    (text, *_) = stated.get_all("License-Expression") or [""]
    if not text:
        classified = [each for each in stated.get_all("Classifier") or [] if each.startswith("License :: ")]
        names = [name for each in classified if (name := each.rpartition(" :: ")[2]) != "OSI Approved"]
        text = " and ".join(names) or (stated.get_all("License") or [""])[0].strip()
    if not text or len(text) > LICENCE_NAME_MAX or "\n" in text:
        return None
    return LicenseFactory().make_from_string(text)


def component_of(name: str, version: str, hashes: list[str], package: Distribution) -> Component:
    """A pinned package."""
    purl = PackageURL("pypi", None, name, version)
    licence = licence_of(package)
    allowed = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(purl)),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes],
        comment="the files of this release, of which one is installed",
    )
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        licenses=[licence] if licence is not None else None,
        external_references=[allowed],
    )


def needs(package: Distribution) -> Iterator[str]:
    """The names of what a package needs on this system, without its extras."""
    for text in package.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield canonicalize_name(needed.name)


def bill(pins: str, project: dict[str, object]) -> Bom:
    """The bill of what is pinned and installed, below the program itself."""
    packages = {
        name: (version, hashes, package)
        for name, version, hashes in read_pins(pins)
        if (package := installed(name, version)) is not None
    }
    if not packages:
        raise ValueError("no pinned package is installed; make setup, and run again")
    components = {name: component_of(name, *rest) for name, rest in packages.items()}
    ours = str(project["name"])
    program = Component(
        name=ours,
        version=str(project["version"]),
        type=ComponentType.APPLICATION,
        bom_ref=ours,
        description=str(project["description"]),
    )
    bom = Bom(components=components.values())
    bom.metadata.component = program
    made_by = "cyclonedx-python-lib"
    bom.metadata.tools.components.add(
        Component(name=made_by, version=importlib.metadata.version(made_by), type=ComponentType.LIBRARY)
    )
    for name, (_, _, package) in packages.items():
        bom.register_dependency(components[name], [components[each] for each in needs(package) if each in components])
    needed = {needed for _, _, package in packages.values() for needed in needs(package)}
    direct = {canonicalize_name(Requirement(str(each)).name) for each in project["dependencies"]}  # type: ignore[attr-defined]
    bom.register_dependency(program, [components[each] for each in components if each in direct or each not in needed])
    return bom


def main(target: Path) -> None:
    """Writes the bill, once it is valid."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bom = bill((ROOT / "requirements" / "run.txt").read_text(encoding="utf-8"), project)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    if (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        sys.exit(f"the bill of materials does not fit CycloneDX's schema: {wrong}")
    target.write_text(text + "\n", encoding="utf-8")
    licensed = sum(bool(each.licenses) for each in bom.components)
    told = f"{len(bom.components)} packages, {licensed} with a licence that has a name"
    sys.stdout.write(f"{target}: CycloneDX 1.6, valid; {told}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "sbom.json"))
