"""The commit that this program was made of; git itself need not be there."""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).parent

#: Where a build that leaves git behind writes the commit that it was made of.
BUILT_FROM = PACKAGE / "commit.txt"

#: What is said where neither a build nor git says it.
NO_COMMIT = "not known"

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def commit(built_from: Path = BUILT_FROM, checkout: Path = PACKAGE.parent) -> str:
    """The commit that this program was built from or is checked out at; git itself need not be there.

    What was edited since shows in the source hash alone.
    """
    try:
        if built_from.exists():
            said = built_from.read_text(encoding="ascii").strip()
        else:
            said = _checked_out(checkout / ".git")
    except (OSError, UnicodeDecodeError):
        return NO_COMMIT  # not a checkout
    return said if _COMMIT.fullmatch(said) else NO_COMMIT


def _checked_out(git: Path) -> str:
    """What HEAD is, in the files of a checkout or of a further work tree of one."""
    if git.is_file():
        git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text(encoding="ascii").strip()
    if not head.startswith("ref: "):
        return head
    name, common = head.removeprefix("ref: "), git / "commondir"
    top = git / common.read_text(encoding="utf-8").strip() if common.exists() else git
    if (top / name).exists():
        return (top / name).read_text(encoding="ascii").strip()
    packed = (top / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), NO_COMMIT)
