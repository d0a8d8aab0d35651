"""Places of files: a path on this machine, or an object in a store by its URI. Only names; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

#: The schemes of Amazon's, Google's and Microsoft's stores, and of all that speak like one of them.
OBJECT_SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True, slots=True)
class ObjectLocation:
    """An object in a store, or a prefix of objects; joined with ``/`` like a path."""

    uri: str

    def __truediv__(self, name: str) -> ObjectLocation:
        return ObjectLocation(f"{self.uri}/{name}")

    def __str__(self) -> str:
        return self.uri

    @property
    def name(self) -> str:
        """What comes after the last slash of its path; empty for a bucket."""
        return urlsplit(self.uri).path.rpartition("/")[2]

    @property
    def key(self) -> str:
        """The name as the store has it: what a URI writes as ``%20`` is a blank there."""
        return unquote(self.name)

    @property
    def parent(self) -> ObjectLocation:
        """The prefix it is below; that of a bucket is the bucket."""
        return ObjectLocation(self.uri.removesuffix(f"/{self.name}")) if self.name else self

    def as_uri(self) -> str:
        """The URI, as a path gives its own."""
        return self.uri


#: What a ``file://`` URI may name as the machine.
LOCAL_HOSTS = ("", "localhost")

#: Where a file is, or a folder of files.
Location: TypeAlias = Path | ObjectLocation


def on_another_machine(uri: SplitResult) -> str:
    """What is wrong with a ``file://`` URI of another host."""
    return (
        f"a file:// URI names a folder of this machine, with three slashes (file:///srv/files), not one of "
        f"{uri.hostname or 'another'}; mount that here, and give its path"
    )


def location_of(text: str) -> Location:
    """The location a text names: a path, a ``file://`` URI of this machine, or an object store's URI.

    Raises ``ValueError`` for every other scheme and for a ``file://`` URI of another host.
    """
    scheme = _SCHEME.match(text)
    if scheme is None:
        return Path(text)
    parts = urlsplit(text)
    if parts.scheme in OBJECT_SCHEMES:
        return ObjectLocation(text.rstrip("/"))
    if parts.scheme == "file" and parts.netloc not in LOCAL_HOSTS:
        raise ValueError(on_another_machine(parts))
    if parts.scheme != "file":
        raise ValueError(
            f"{scheme[1]}:// is not a location for files; give a path, or a file://, s3://, gs:// or az:// URI"
        )
    return Path(unquote(parts.path, errors="surrogateescape"))
