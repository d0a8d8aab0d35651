"""A memory that forgets: what was put in is remembered for a span on the sandbox's clock."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Kept = TypeVar("Kept")

DAY = 86_400.0  # seconds


class RollingMemory(Generic[Kept]):
    """Keys and what belongs to them, each for ``span`` seconds from when it was put in.

    Costs O(1) per call: entries are kept in order of arrival and dropped from the old end. A clock that is
    set back does not bring forgotten entries back.
    """

    def __init__(self, span: float = DAY) -> None:
        self._span = span
        self._entries: OrderedDict[str, tuple[float, Kept]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: str, now: float) -> Kept | None:
        """What was put in under this key, unless it was never put in or is forgotten by now."""
        entry = self._entries.get(key)
        if entry is None or now - entry[0] >= self._span:
            return None
        return entry[1]

    def put(self, key: str, kept: Kept, now: float) -> None:
        """Remember from ``now`` on (a key that is put in again starts anew); drop what is too old."""
        while self._entries and now - next(iter(self._entries.values()))[0] >= self._span:
            self._entries.popitem(last=False)
        self._entries[key] = (now, kept)
        self._entries.move_to_end(key)
