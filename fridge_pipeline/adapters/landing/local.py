"""A landing zone in a folder of this machine, or of a file system mounted on it."""

from __future__ import annotations

import errno
import os
import stat
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from fridge_pipeline.adapters.landing.errors import (
    LandingFileVanishedError,
    LandingFolderError,
    LandingRootGoneError,
    UnreadableFileError,
)
from fridge_pipeline.adapters.landing.snapshot import PLAIN_BYTES_MAX, Snapshot, take_snapshot
from fridge_pipeline.domain.hour import Hour, NotAnHourError
from fridge_pipeline.domain.landing_file import LandingFile, is_landing_file, storable_path, system_path
from fridge_pipeline.domain.listing_plan import FolderVersion
from fridge_pipeline.domain.stray import Strays, is_date_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_HOURS_OF_DAY = tuple(f"{hour:02d}" for hour in range(24))

#: Files whose listing is made into one text at a time: a folder may hold a million.
_DIGESTED_AT_ONCE = 10_000

#: A landing file as its folder shows it: name, bytes, and modification time in nanoseconds.
_Listed = tuple[str, int, int]


class LocalLanding:
    """The ``LandingZone`` below a local folder: ``<root>/<YYYY-MM-DD>/<HH>/<any name>.<format>``.

    Folders that are no landing folders are ignored. So are folders and special files inside one, and
    symbolic links that lead nowhere. A link to a file is followed; a landing folder that is a link out of the
    root cannot be listed.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(root)  # noqa: PTH100  # Path would be built per file below

    @property
    def root(self) -> Path:
        """The landing root."""
        return Path(self._root)

    def hours(self, strays: Strays | None = None) -> dict[Hour, str]:
        """See ``LandingZone.hours``: one directory scan per folder and one stat call per landing file."""
        seen = strays or Strays()
        fingerprints = {hour: self.fingerprint(hour, seen) for hour in sorted(self._hours_with_folders(seen))}
        return {hour: fingerprint for hour, fingerprint in fingerprints.items() if fingerprint is not None}

    def folders(
        self,
        known: Collection[Hour] = (),  # noqa: ARG002  # all folders are looked for: it is cheap here
        after: Hour | None = None,  # noqa: ARG002
        strays: Strays | None = None,
    ) -> dict[Hour, FolderVersion | None]:
        """See ``LandingZone.folders``: one stat call per folder, of all of them.

        Some mounted object stores change no folder's times when a file arrives in it. There, and for a rewritten
        file anywhere, the version says nothing.
        """
        seen = strays or Strays()
        return {hour: _version(self._folder(hour)) for hour in sorted(self._hours_with_folders(seen))}

    def fingerprint(self, hour: Hour, strays: Strays | None = None) -> str | None:
        """What the hour's listing looks like; None when it has no landing file."""
        try:
            listing = [f"{name}\0{size}\0{modified_ns}" for name, size, modified_ns in self._scan(hour, strays)]
        except OSError as error:
            return f"unlistable:{errno.errorcode.get(error.errno or 0, type(error).__name__)}"
        if not listing:
            return None
        listing.sort()  # by name: no name holds the \0 that ends it here
        digest = blake2b(digest_size=16)
        separator = ""
        for start in range(0, len(listing), _DIGESTED_AT_ONCE):
            text = separator + "\0".join(listing[start : start + _DIGESTED_AT_ONCE])
            digest.update(text.encode(errors="surrogateescape"))
            separator = "\0"
        return f"{len(listing)}:{digest.hexdigest()}"

    def files(self, hour: Hour) -> list[LandingFile]:
        """See ``LandingZone.files``."""
        try:
            listing = sorted(self._scan(hour))
        except OSError as error:
            raise LandingFolderError(storable_path(self._folder(hour)), error.strerror or str(error)) from error
        return [
            LandingFile(
                path=storable_path(f"{hour.folder}/{name}"),
                landing_hour=hour,
                size=size,
                version=str(modified_ns),
            )
            for name, size, modified_ns in listing
        ]

    def snapshot(self, file: LandingFile, directory: Path, plain_bytes_max: int = PLAIN_BYTES_MAX) -> Snapshot:
        """See ``LandingZone.snapshot``."""
        source = os.path.join(self._root, system_path(file.path))  # noqa: PTH118  # one style in this class
        try:
            stream = open(source, "rb")  # noqa: PTH123, SIM115  # closed by the `with` below
        except FileNotFoundError as error:
            raise LandingFileVanishedError(file.path) from error
        except OSError as error:
            raise UnreadableFileError(f"cannot open the file: {error.strerror}") from error
        with stream:
            return take_snapshot(stream, directory, file.format, plain_bytes_max)

    def _dates(self, strays: Strays) -> list[str]:
        try:
            with os.scandir(self._root) as entries:
                folders = {entry.name: _is_folder(entry) for entry in entries}
        except (FileNotFoundError, NotADirectoryError) as error:
            reason, advice = error.strerror or str(error), "mount it, put it back or make it, and run again"
            raise LandingRootGoneError(storable_path(self._root), reason, advice) from error
        except OSError as error:
            raise LandingFolderError(storable_path(self._root), error.strerror or str(error)) from error
        dates = [name for name, is_folder in folders.items() if is_folder and is_date_folder(name)]
        for name in folders.keys() - set(dates):
            strays.add(storable_path(name), is_folder=folders[name])
        return dates

    def _hours_with_folders(self, strays: Strays) -> Iterator[Hour]:
        for date in self._dates(strays):
            try:
                with os.scandir(os.path.join(self._root, date)) as entries:  # noqa: PTH118  # speed
                    folders = {entry.name: _is_folder(entry) for entry in entries}
            except FileNotFoundError:
                continue
            except OSError:  # which hours it has is unknown: each of them says so when it is listed
                folders = dict.fromkeys(_HOURS_OF_DAY, True)
            for name, is_folder in folders.items():
                hour = _hour_of(f"{date}/{name}")
                if hour is not None and is_folder:
                    yield hour
                else:
                    strays.add(storable_path(f"{date}/{name}"), is_folder=is_folder)

    def _scan(self, hour: Hour, strays: Strays | None = None) -> Iterator[_Listed]:
        """The landing files in the hour's folder, in no order; none when there is no such folder."""
        folder = self._folder(hour)
        self._refuse_way_out(folder)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:  # from its descriptor the folder's path is walked once and not once a file: a tenth of the time
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if not is_landing_file(entry.name):
                        continue
                    if (listed := _listed(entry)) is not None:
                        yield listed
                    elif strays is not None and _is_folder(entry):
                        strays.add(storable_path(f"{hour.folder}/{entry.name}"), is_folder=True)
        finally:
            os.close(descriptor)

    def _folder(self, hour: Hour) -> str:
        return os.path.join(self._root, hour.folder)  # noqa: PTH118  # Path costs more than the scan itself

    def _refuse_way_out(self, folder: str) -> None:
        """A link out of the root would let one delivery account publish any folder of this machine."""
        if not (os.path.islink(folder) or os.path.islink(os.path.dirname(folder))):  # noqa: PTH114, PTH120  # see _folder
            return
        root = os.path.realpath(self._root)
        if os.path.commonpath([root, os.path.realpath(folder)]) != root:
            raise OSError(errno.ELOOP, "it is a symbolic link that leads out of the landing root")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link that nobody can follow: its listing says what is wrong with it."""
    try:
        return entry.is_dir()
    except OSError:
        return True


def _hour_of(folder: str) -> Hour | None:
    try:
        return Hour.from_folder(folder)
    except NotAnHourError:
        return None


def _version(folder: str) -> FolderVersion | None:
    """The change time shows what a modification time set by hand hides; device and inode, that it is another folder."""
    try:
        status = os.stat(folder)  # noqa: PTH116  # see _folder
    except OSError:
        return None
    token = f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}:{status.st_ctime_ns}"
    return FolderVersion(token, max(status.st_mtime, status.st_ctime))


def _listed(entry: os.DirEntry[str]) -> _Listed | None:
    """The file as listed; None for what is no regular file, or vanished between the scan and now."""
    try:
        status = entry.stat()
    except FileNotFoundError:
        return None
    except OSError:  # a link in a circle, or into a closed folder: its snapshot will say so, its neighbours load
        return (entry.name, 0, 0)
    return (entry.name, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
