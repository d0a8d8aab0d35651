"""Links what is known of the packages of requirements/run.txt into an environment: what runs, and nothing of the tests.

``python scripts/show_only_run.py ENVIRONMENT``: the bill of materials needs their metadata, and not the packages again.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

PINS = Path(__file__).parents[1] / "requirements" / "run.txt"


def main(environment: Path) -> None:
    """Links the ``.dist-info`` folder of each package that a pin asks for on this machine."""
    pins = map(Requirement, re.findall(r"^([\w.-]+==[^\\\n]*)", PINS.read_text(), re.MULTILINE))
    wanted = [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate()]
    (packages,) = environment.glob("lib/python*/site-packages")
    for found in map(distribution, wanted):
        metadata = next(file for file in found.files or () if file.match("*.dist-info/METADATA"))
        folder = Path(str(found.locate_file(metadata))).parent
        (packages / folder.name).symlink_to(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
