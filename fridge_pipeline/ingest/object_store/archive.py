"""Finished files in an object store: put whole or not at all, in flat memory, and fetched again.

An object gets its name by one request with all of its bytes. So there is never half of one, and the store itself can
be told to give a name only if nobody has it (``If-None-Match``).
"""

from __future__ import annotations

import io
import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Literal

from fridge_pipeline.ingest.object_store.store import ArchiveError, StoreRefusedError, open_store, refusals
from fridge_pipeline.ingest.rules.location import ObjectLocation

if TYPE_CHECKING:
    from obstore.store import ObjectStore
    from typing_extensions import Buffer

#: What one request may carry: S3's limit (5 GB, docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html).
PUT_BYTES_MAX = 5 * 10**9

#: How long one file may be under way.
TRANSFER_TIME = timedelta(hours=1)

#: Bytes that are fetched, and in memory, at a time.
PART_BYTES = 8 * 2**20

#: How long a look at the archive may take.
LOOK_TIME = timedelta(seconds=20)

#: So many names are tried when others take them at the same moment.
NAMES_TRIED_MAX = 20

_PUTTING = "list the prefix, and get and put its objects"
_GETTING = "get the object"


def put_unlike_any(file: Path, location: ObjectLocation) -> ObjectLocation:
    """Puts a file under a name that no other bytes have, and returns it; no object is ever replaced.

    That is the location's own name, or ``NAME-2.zip``, ``NAME-3.zip`` and so on when it is taken. Bytes that are there
    already are not put again. Raises ``ArchiveError`` and ``StoreUriError``.
    """
    store = _opened_above(location)
    with _about(f"put {location}", _PUTTING):
        number = _newest_number(store, location)
        for tried in range(max(number, 1), max(number, 1) + NAMES_TRIED_MAX):
            at = _numbered(location, tried)
            if tried == number and _has_bytes_of(store, at.key, file):
                return at
            if tried > number and (_put(store, at.key, file, "create") or _has_bytes_of(store, at.key, file)):
                return at
    raise ArchiveError(f"cannot put {location}: others take its names all the time; run again")


def put_new(file: Path, location: ObjectLocation) -> bool:
    """Puts a file under the location's name and no other; whether nobody had it. Raises as ``put_unlike_any``."""
    store = _opened_above(location)
    with _about(f"put {location}", _PUTTING):
        return _put(store, location.key, file, "create")


def put_in_place_of(file: Path, location: ObjectLocation) -> ObjectLocation:
    """Puts a file under the location's name; an object that had it is replaced. Raises as ``put_unlike_any``."""
    store = _opened_above(location)
    with _about(f"put {location}", _PUTTING):
        _put(store, location.key, file, "overwrite")
    return location


def fetch(location: ObjectLocation, target: Path) -> None:
    """Writes an object's bytes into a file. Raises ``ArchiveError`` and ``StoreUriError``."""
    store = _opened_above(location)
    with _about(f"fetch {location}", _GETTING), target.open("wb") as out:
        answer = store.get(location.key)
        for part in answer.stream(min_chunk_size=PART_BYTES):
            out.write(part)
        if out.tell() != answer.meta["size"]:
            raise ArchiveError(f"cannot fetch {location}: it ended after {out.tell()} bytes; run again")


def objects_in(location: ObjectLocation) -> list[ObjectLocation]:
    """What is directly below a location, by name. Raises ``ArchiveError`` and ``StoreUriError``."""
    with _about(f"list {location}", _PUTTING):
        found = open_store(location.uri, LOOK_TIME).list_with_delimiter()["objects"]
    return sorted((location / PurePosixPath(meta["path"]).name for meta in found), key=str)


@contextmanager
def opened_object(location: ObjectLocation) -> Iterator[tuple[BinaryIO, int]]:
    """An object to be read here and there, by requests for parts of it, and its size. Raises as ``fetch``."""
    store = _opened_above(location)
    with _about(f"read {location}", _GETTING):
        size = store.head(location.key)["size"]
        with io.BufferedReader(_Parts(store, location.key, size), PART_BYTES) as stream:
            yield stream, size


class _Parts(io.RawIOBase):
    """An object as a file: every read is a request for a range."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        super().__init__()
        self._store, self._key, self._size, self._at = store, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, target: Buffer) -> int:
        wanted = memoryview(target)
        length = min(len(wanted), max(self._size - self._at, 0))
        if length:
            wanted[:length] = memoryview(self._store.get_range(self._key, start=self._at, length=length))
            self._at += length
        return length


def require_listed(location: ObjectLocation) -> None:
    """Lists what is directly below the location, as every put begins. Raises ``ArchiveError`` and ``StoreUriError``."""
    with _about(f"list {location}", _PUTTING):
        open_store(location.uri, LOOK_TIME).list_with_delimiter()


def _opened_above(location: ObjectLocation) -> ObjectStore:
    if not location.name:
        raise ArchiveError(f"{location} names a bucket and no object in it; say {location}/NAME")
    return open_store(location.parent.uri, TRANSFER_TIME)


@contextmanager
def _about(what: str, rights: str) -> Iterator[None]:
    """Says of a refusal what it was about; from none of them anything of the request goes on."""
    try:
        with refusals(rights):
            yield
    except StoreRefusedError as error:
        raise ArchiveError(f"cannot {what}: {error}") from None
    except FileNotFoundError:
        raise ArchiveError(f"cannot {what}: there is no such object; check its name, or put it there again") from None


def _put(store: ObjectStore, key: str, file: Path, mode: Literal["create", "overwrite"]) -> bool:
    """Whether the name was there to be had. The file is mapped, not read: the client sends it from there."""
    from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415  # not before an object store is there

    size = file.stat().st_size
    if size > PUT_BYTES_MAX:
        advice = "put it there with the store's own client"
        raise StoreRefusedError("TooLarge", f"it has {size:,} bytes, and one request carries {PUT_BYTES_MAX:,}", advice)
    try:
        if size == 0:  # nothing can be mapped
            store.put(key, b"", mode=mode, use_multipart=False)
        else:
            with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                body: Buffer = mapped
                store.put(key, body, mode=mode, use_multipart=False)
    except AlreadyExistsError:
        return False
    return True


def _newest_number(store: ObjectStore, location: ObjectLocation) -> int:
    """The highest number that a name of this location has; 0 when nobody has any, 1 is the location's own name."""
    name = PurePosixPath(location.key)
    numbered = re.compile(rf"{re.escape(name.stem)}(?:-(?P<number>[0-9]{{1,9}}))?{re.escape(name.suffix)}")
    found = [numbered.fullmatch(meta["path"]) for meta in store.list_with_delimiter()["objects"]]
    return max((int(match["number"] or 1) for match in found if match is not None), default=0)


def _numbered(location: ObjectLocation, number: int) -> ObjectLocation:
    if number == 1:
        return location
    name = PurePosixPath(location.name)
    return location.parent / f"{name.stem}-{number}{name.suffix}"


def _has_bytes_of(store: ObjectStore, key: str, file: Path) -> bool:
    try:
        answer = store.get(key)
        if answer.meta["size"] != file.stat().st_size:
            return False
        with file.open("rb") as ours:
            return all(ours.read(len(part)) == part for part in answer.stream(min_chunk_size=PART_BYTES))
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise
        return False  # it has just vanished
