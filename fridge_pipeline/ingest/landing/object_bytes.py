"""The bytes of a listed object, fetched part by part."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from fridge_pipeline.ingest.landing.landing_errors import (
    LandingFileChangedError,
    LandingFileVanishedError,
    UnreadableFileError,
)
from fridge_pipeline.ingest.object_store.store import CHECK_NETWORK, StoreRefusedError, refusals
from fridge_pipeline.ingest.rules.landing_files import LandingFile, system_path

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore
    from typing_extensions import Buffer

#: Bytes of an object that are fetched, and in memory, at a time.
PART_BYTES = 8 * 2**20


class ObjectBytes(io.RawIOBase):
    """An object's bytes, as long as it is the object that was listed; a part of it at a time."""

    def __init__(self, store: ObjectStore, file: LandingFile) -> None:
        super().__init__()
        self._store = store
        self._file = file
        self._key = system_path(file.path)
        self._read_bytes = 0
        self._is_begun = False

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Fetches the next part; the errors of ``LandingZone.snapshot`` leave."""
        room = memoryview(buffer).cast("B")
        if self._is_begun and self._read_bytes >= self._file.size:
            return 0
        part = self._part(min(len(room), PART_BYTES))
        self._is_begun = True
        self._read_bytes += len(part)
        room[: len(part)] = part
        return len(part)

    def _part(self, bytes_max: int) -> memoryview:
        end = min(self._read_bytes + bytes_max, self._file.size)
        try:
            with refusals():
                # An empty object has no range; asked for as a whole it still says whether it is the listed one.
                options: GetOptions = {"range": (self._read_bytes, end)} if end else {}
                answer = self._store.get(self._key, options=options)
                if version_of_object(answer.meta) != self._file.version or answer.meta["size"] != self._file.size:
                    raise LandingFileChangedError(self._file.path)
                part = memoryview(answer.bytes())
        except FileNotFoundError as error:
            raise LandingFileVanishedError(self._file.path) from error
        except StoreRefusedError as error:
            if error.code in ("InvalidRange", "416"):  # it has become shorter than the part that is asked for
                raise LandingFileChangedError(self._file.path) from None
            raise UnreadableFileError(f"cannot get the object: {error}") from None
        asked = end - self._read_bytes
        if len(part) != asked:  # its client compares neither with what was asked for; a short one would end the file
            raise UnreadableFileError(
                f"cannot get the object: the store gave {len(part)} of {asked} bytes; what stands between here and the "
                f"store may cut answers: {CHECK_NETWORK}"
            )
        return part


def version_of_object(meta: ObjectMeta) -> str:
    """The entity tag, which some stores quote in one answer and not in another; else the time of writing."""
    tag = meta["e_tag"]
    return tag.removeprefix("W/").strip('"') if tag else meta["last_modified"].isoformat()
