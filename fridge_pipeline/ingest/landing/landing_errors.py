"""What can go wrong in a landing zone.

::

    LandingError
     ├─ LandingFolderError        the world: a folder is there and cannot be listed
     │   └─ LandingRootGoneError  the world: there is no landing root at all
     ├─ LandingFileVanishedError  the world: listed, gone before it was read (also a FileNotFoundError)
     ├─ LandingFileChangedError   the world: listed, another object before or while it was read
 ├─ UnreadableFileError       the data: this one file, its neighbours load
     ├─ LandingUriError           the configuration: a landing URI that names no place, or more than one
 └─ UnsupportedSchemeError    the configuration: a landing zone of a kind we cannot open
"""

from __future__ import annotations


class LandingError(RuntimeError):
    """Something in the landing zone is not as it should be."""


class LandingFolderError(LandingError):
    """A landing folder cannot be listed, so nobody can say which files it holds."""

    def __init__(self, path: str, reason: str, advice: str = "make it readable and run again") -> None:
        super().__init__(f"cannot list the landing folder {path!r}: {reason}; {advice}")
        self.path = path
        self.reason = reason


class LandingRootGoneError(LandingFolderError):
    """There is no landing root: not mounted, moved away, or never made; a bucket that does not exist."""


class LandingFileVanishedError(LandingError, FileNotFoundError):
    """A landing file was listed and is gone: moved, renamed or withdrawn by its gateway."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the landing file {path!r} was listed but is gone; list its folder again")
        self.path = path


class LandingFileChangedError(LandingError):
    """A landing file is no longer the one that was listed: rewritten by its gateway before all of it was read."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the landing file {path!r} was rewritten after it was listed; list its folder again")
        self.path = path


class UnreadableFileError(LandingError):
    """A landing file, or the rest of it, cannot be read; the rows read before this error are good.

    ``reason`` says what is wrong with the bytes, for the person who asks the gateway for a better file.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LandingUriError(LandingError, ValueError):
    """The landing URI cannot be what is meant; the message says why, and never what is secret in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"FRIDGE_LANDING_URI: {reason}")


class UnsupportedSchemeError(LandingError, ValueError):
    """The landing URI names a kind of store that this version cannot read."""

    def __init__(self, scheme: str) -> None:
        super().__init__(
            f"cannot open a landing zone with the scheme {scheme!r}; "
            "set FRIDGE_LANDING_URI to a folder path, or to a file://, s3://, gs:// or az:// URI"
        )
        self.scheme = scheme
