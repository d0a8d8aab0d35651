"""Strays: what lies in a landing zone outside every landing hour, where nobody would ever load it."""

from __future__ import annotations

from dataclasses import dataclass, field

from fridge_pipeline.calendar.hour import Hour, NotAnHourError
from fridge_pipeline.ingest.rules.landing_file import is_landing_file

#: So many are shown; the rest is a number.
SHOWN_MAX = 10

#: What file systems and shares make in their own root, which nobody delivered.
NOT_DELIVERED = frozenset({"lost+found", "$RECYCLE.BIN", "System Volume Information", "@eaDir", "#recycle"})


@dataclass(slots=True)
class StrayNames:
    """The first names in their order, and how many there are; folders have a slash behind them."""

    first: list[str] = field(default_factory=list)
    count: int = 0
    _last: str = field(default="", repr=False)

    def add(self, name: str) -> None:
        """One more; the objects of a folder, which come one after the other, are one folder."""
        if name != self._last and name not in self.first:
            self.count += 1
            self.first = sorted([*self.first, name])[:SHOWN_MAX]
        self._last = name


@dataclass(slots=True)
class Strays:
    """What a look at a landing zone sees on its way: ``outside`` every landing hour, and in folders ``below`` one.

    ``sees_outside`` and ``sees_below`` say whether the look sees all there is; one that lists less sees less.
    """

    outside: StrayNames = field(default_factory=StrayNames)
    below: StrayNames = field(default_factory=StrayNames)
    sees_outside: bool = True
    sees_below: bool = True

    def add(self, path: str, *, is_folder: bool) -> None:
        """Takes in what lies at a path (relative to the root) where no landing file may: its first part out of place.

        What announces itself as unfinished is left out, and so is what lies in folders that do.
        """
        parts = path.split("/")
        if parts[0] in NOT_DELIVERED or not all(is_landing_file(part) for part in parts):
            return
        depth = 1 if not is_date_folder(parts[0]) else 2 if not _is_hour_folder("/".join(parts[:2])) else 3
        depth = min(depth, len(parts))
        name = "/".join(parts[:depth]) + ("/" if is_folder or depth < len(parts) else "")
        (self.below if depth > 2 else self.outside).add(name)  # noqa: PLR2004 # date and hour


def is_date_folder(name: str) -> bool:
    """Whether a folder of this name in the root may hold landing hours."""
    return _is_hour_folder(f"{name}/00")


def _is_hour_folder(path: str) -> bool:
    try:
        Hour.from_folder(path)
    except NotAnHourError:
        return False
    return True
