"""A landing zone in a folder of this machine, or of a file system mounted on it."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from hashlib import blake2b
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from fridge_pipeline.calendar.hours import Hour, NotAnHourError
from fridge_pipeline.ingest.landing.landing_errors import (
    LandingFileChangedError,
    LandingFileVanishedError,
    LandingFolderError,
    LandingRootGoneError,
    UnreadableFileError,
)
from fridge_pipeline.ingest.landing.private_copy import PLAIN_BYTES_MAX, Snapshot, take_snapshot
from fridge_pipeline.ingest.rules.landing_files import (
    FolderVersion,
    LandingFile,
    Listing,
    is_landing_file,
    storable_path,
    system_path,
)
from fridge_pipeline.ingest.rules.losses import Strays, is_date_folder
from fridge_pipeline.ingest.rules.source import Source, source_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_HOURS_OF_DAY = tuple(f"{hour:02d}" for hour in range(24))

#: Files whose listing is made into one text at a time: a folder may hold a million.
_DIGESTED_AT_ONCE = 10_000

#: A link is not followed, a pipe is not waited for, and a terminal does not become ours.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

#: A folder so deep below its hour is a stray: each is reached from the root, so that a chain costs its square.
DEPTH_MAX = 30

#: A landing file as its folder shows it: name, bytes, modification time in nanoseconds, and its inode, None for what is
#: no regular file.
_Listed = tuple[str, int, int, int | None]


class LocalLanding:
    """The ``LandingZone`` below a local folder: ``<root>/<YYYY-MM-DD>/<HH>/<any name>.<format>``.

    Folders that are no landing folders are ignored, and so are folders inside one that no source names. Below the root
    no symbolic link is followed, wherever it leads: somebody who may only deliver would choose what is read. A landing
    folder that is one cannot be listed; among landing files a link, a pipe or a socket is one that cannot be read. The
    root itself may be a link.
    """

    def __init__(self, root: str | os.PathLike[str], sources: Sequence[Source] = ()) -> None:
        self._root = os.path.abspath(root)  # noqa: PTH100  # Path would be built per file below
        self.sources = sources
        self._is_nested = any(source.is_nested for source in sources)

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
        hours = sorted(self._hours_with_folders(seen))
        if self._is_nested:  # a file that arrives in a folder below changes nothing here
            return dict.fromkeys(hours)
        return {hour: _version(self._folder(hour)) for hour in hours}

    def fingerprint(self, hour: Hour, strays: Strays | None = None) -> str | None:
        """What the hour's listing looks like; None when it has no landing file."""
        try:
            return _fingerprint(self._scan(hour, strays))
        except OSError as error:
            return f"unlistable:{errno.errorcode.get(error.errno or 0, type(error).__name__)}"

    def listing(self, hour: Hour, known: str | None = None, strays: Strays | None = None) -> Listing:
        """See ``LandingZone.listing``."""
        try:
            listed = sorted(self._scan(hour, strays), key=itemgetter(0))
        except OSError as error:
            raise LandingFolderError(storable_path(self._folder(hour)), error.strerror or str(error)) from error
        fingerprint = _fingerprint(listed)
        if fingerprint == known:
            return Listing(fingerprint, [])
        files = [
            LandingFile(
                path=storable_path(f"{hour.folder}/{name}"),
                landing_hour=hour,
                size=size,
                version=str(modified_ns),
                inode=inode,
                source=source_of(storable_path(name), self.sources),
            )
            for name, size, modified_ns, inode in listed
        ]
        return Listing(fingerprint, files)

    def snapshot(self, file: LandingFile, directory: Path, plain_bytes_max: int = PLAIN_BYTES_MAX) -> Snapshot:
        """See ``LandingZone.snapshot``."""
        above, name = os.path.split(system_path(file.path))
        try:
            folder = self._open_folder(above)
        except OSError as error:
            raise UnreadableFileError(f"cannot open its folder: {error.strerror}") from error
        if folder is None:
            raise LandingFileVanishedError(file.path)
        try:
            descriptor = os.open(name, _OPEN, dir_fd=folder)
        except FileNotFoundError as error:
            raise LandingFileVanishedError(file.path) from error
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket, or a device without a driver
                return _no_file(file, "a symbolic link" if error.errno == errno.ELOOP else "a socket", directory)
            raise UnreadableFileError(f"cannot open the file: {error.strerror}") from error
        finally:
            os.close(folder)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            return _no_file(file, "a pipe, a device or a folder", directory)
        with os.fdopen(descriptor, "rb") as stream:
            if status.st_ino != file.inode:
                raise LandingFileChangedError(file.path)
            return take_snapshot(stream, directory, file.format, plain_bytes_max, by_content=file.source is not None)

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
        strays.looked_at.add("")
        strays.dates.update(dates)
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
            else:
                strays.looked_at.add(date)
            for name, is_folder in folders.items():
                hour = _hour_of(f"{date}/{name}")
                if hour is not None and is_folder:
                    yield hour
                else:
                    strays.add(storable_path(f"{date}/{name}"), is_folder=is_folder)

    def _scan(self, hour: Hour, strays: Strays | None = None) -> Iterator[_Listed]:
        """The landing files in the hour's folder, in no order; none when there is no such folder."""
        folders = [""]
        while folders:
            below = folders.pop()
            descriptor = self._open_folder(f"{hour.folder}/{below}".rstrip("/"))
            if descriptor is None:
                continue
            goes_on = self._is_nested and below.count("/") < DEPTH_MAX
            try:  # from its descriptor the folder's path is walked once and not once a file: a tenth of the time
                with os.scandir(descriptor) as entries:
                    for entry in entries:
                        if not is_landing_file(entry.name):
                            continue
                        name = f"{below}{entry.name}"
                        if (listed := _listed(entry, name)) is None and goes_on and entry.is_dir(follow_symlinks=False):
                            folders.append(f"{name}/")
                        elif listed is not None and (not below or source_of(storable_path(name), self.sources)):
                            yield listed
                        elif strays is not None and (listed is not None or _is_folder(entry)):
                            strays.add(storable_path(f"{hour.folder}/{name}"), is_folder=listed is None)
            finally:
                os.close(descriptor)
        if strays is not None:
            strays.looked_at.add(hour.folder)

    def _folder(self, hour: Hour) -> str:
        return os.path.join(self._root, hour.folder)  # noqa: PTH118  # Path costs more than the scan itself

    def _open_folder(self, folder: str) -> int | None:
        """A descriptor of a folder, reached from the root without a link; ``None`` when there is no folder."""
        descriptor: int | None = None
        for part in (self._root, *folder.split("/")):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if descriptor is not None else 0)
            above = descriptor
            try:
                descriptor = os.open(part, flags, dir_fd=above)
            except (FileNotFoundError, NotADirectoryError):
                if above is not None and _is_link(part, above):
                    raise OSError(errno.ELOOP, "it is a symbolic link, which is not followed") from None
                return None
            finally:
                if above is not None:
                    os.close(above)
        return descriptor


def _fingerprint(listed: Iterable[_Listed]) -> str | None:
    listing = [f"{name}\0{size}\0{modified_ns}" for name, size, modified_ns, _ in listed]
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


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _no_file(file: LandingFile, what: str, directory: Path) -> Snapshot:
    """For what is there under a landing file's name and is none: a copy of nothing, which says why."""
    if file.inode is not None:
        raise LandingFileChangedError(file.path)
    nothing = take_snapshot(BytesIO(), directory, None)
    return replace(nothing, damage=f"this is {what}, which is not followed or read; deliver the file itself")


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


def _listed(entry: os.DirEntry[str], name: str) -> _Listed | None:
    """The entry as listed; None for a folder, or what vanished between the scan and now."""
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return None
    if stat.S_ISREG(status.st_mode):
        return (name, status.st_size, status.st_mtime_ns, status.st_ino)
    return (name, 0, status.st_mtime_ns, None)  # its snapshot will say so, its neighbours load
