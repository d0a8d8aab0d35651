"""The landing zone: the place where gateways deliver landing files, one folder per landing hour."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from fridge_pipeline.ingest.landing.landing_errors import LandingUriError, UnsupportedSchemeError
from fridge_pipeline.ingest.landing.local import LocalLanding
from fridge_pipeline.ingest.landing.objects import ObjectLanding
from fridge_pipeline.ingest.landing.private_copy import PLAIN_BYTES_MAX
from fridge_pipeline.ingest.rules.location import LOCAL_HOSTS, OBJECT_SCHEMES, on_another_machine

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from fridge_pipeline.calendar.hours import Hour
    from fridge_pipeline.ingest.landing.private_copy import Snapshot
    from fridge_pipeline.ingest.rules.landing_files import FolderVersion, LandingFile, Listing
    from fridge_pipeline.ingest.rules.losses import Strays
    from fridge_pipeline.ingest.rules.source import Source

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


class LandingZone(Protocol):
    """What loading needs of a landing zone, wherever its bytes are. Its files are read by these ``sources``."""

    sources: Sequence[Source]

    def hours(self, strays: Strays | None = None) -> Mapping[Hour, str]:
        """Every landing hour that has landing files, with a fingerprint of its listing.

        The fingerprint is the same text, in every process, as long as no file of the hour is added, removed,
        renamed or rewritten; it begins with the number of files and a colon. The fingerprint of an hour that
        cannot be listed is ``unlistable:<errno name>``. Takes all ``strays`` in on the way. Raises
        ``LandingRootGoneError`` when there is no landing root, ``LandingFolderError`` when it cannot be listed.
        """
        ...

    def folders(
        self, known: Collection[Hour] = (), after: Hour | None = None, strays: Strays | None = None
    ) -> Mapping[Hour, FolderVersion | None]:
        """Every landing hour that has a folder, with the version of that folder; lists no landing file.

        A version is the same as long as no file of the folder is added, removed or renamed, but a file may have
        been rewritten. ``None`` where the store keeps no such version, or does not tell it: only a listing
        shows what is there. A store where looking for folders is dear looks for some only, going on ``after`` an
        hour, and gives the ``known`` ones for the rest. The ``strays`` that it passes are those outside every
        hour; dates in ``strays.again`` are looked at. Raises what ``hours`` raises.
        """
        ...

    def fingerprint(self, hour: Hour, strays: Strays | None = None) -> str | None:
        """The fingerprint of one hour's listing as in ``hours``; ``None`` when the hour has no landing file.

        Takes the ``strays`` of the hour in on the way: what lies in folders below it.
        """
        ...

    def listing(self, hour: Hour, known: str | None = None, strays: Strays | None = None) -> Listing:
        """Fingerprint and landing files of one hour from one look; no files where the fingerprint is the ``known`` one.

        Files are sorted by name; an hour without a folder has none. Takes ``strays`` in as ``fingerprint`` does. Raises
        ``LandingFolderError`` when the folder is there and cannot be listed.
        """
        ...

    def snapshot(self, file: LandingFile, directory: Path, plain_bytes_max: int = PLAIN_BYTES_MAX) -> Snapshot:
        """A private, decompressed copy of the file in ``directory``, hashed while it was copied.

        Raises ``LandingFileVanishedError`` when the file is gone, ``LandingFileChangedError`` when the store tells
        that it is not the one that was listed, and ``UnreadableFileError`` when the store
        refuses to give its bytes.
        """
        ...


def open_landing_zone(uri: str, sources: Sequence[Source] = ()) -> LandingZone:
    """The landing zone a ``FRIDGE_LANDING_URI`` names: a folder, or a bucket's prefix; touches no disk, calls nobody.

    Its files are listed with the source that reads each.

    Raises ``UnsupportedSchemeError`` for every other scheme, and ``LandingUriError`` for a ``file://`` URI of another
    host and for an object store's URI that carries credentials.
    """
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return LocalLanding(uri, sources)
    parts = urlsplit(uri)
    if parts.scheme in OBJECT_SCHEMES:
        return ObjectLanding(uri, sources)
    if parts.scheme != "file":
        raise UnsupportedSchemeError(scheme[1])
    if parts.netloc not in LOCAL_HOSTS:
        raise LandingUriError(on_another_machine(parts))
    return LocalLanding(unquote(uri[len("file://") + len(parts.netloc) :], errors="surrogateescape"), sources)
