"""The fingerprint of an hour in an object store: of the names of its landing files, their sizes and their versions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

from fridge_pipeline.ingest.landing.object_bytes import version_of_object

if TYPE_CHECKING:
    from obstore import ObjectMeta

#: The name of a landing file below its hour, and its object.
ListedObject: TypeAlias = "tuple[str, ObjectMeta]"

_DIGEST_BYTES = 16


@dataclass(slots=True)
class ObjectTally:
    """The fingerprint of a listing in whatever order it comes: the digests of its objects, summed."""

    count: int = 0
    _sum: int = field(default=0, repr=False)

    def add(self, name: str, meta: ObjectMeta) -> None:
        """One more."""
        text = f"{name}\0{meta['size']}\0{version_of_object(meta)}"
        self.count += 1
        self._sum += int.from_bytes(blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest())

    @property
    def fingerprint(self) -> str:
        """Of those so far, the same in whatever order they came."""
        return f"{self.count}:{self._sum % 2 ** (8 * _DIGEST_BYTES):032x}"


def fingerprint_of(listed: Iterable[ListedObject]) -> str | None:
    """Of all of them; ``None`` of none."""
    tally = ObjectTally()
    for name, meta in listed:
        tally.add(name, meta)
    return tally.fingerprint if tally.count else None
