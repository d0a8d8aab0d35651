"""What can go wrong with an object store; no text of it ever holds a credential.

::

    StoreUriError      the configuration: a URI that names no place, or more than one
    StoreRefusedError  the world, within this package: what the store said, without what it was about
    ArchiveError       the world, for people: which object, what the store said, and what to do
"""

from __future__ import annotations


class StoreUriError(ValueError):
    """A URI cannot be what is meant; the message says why, and never what is secret in it."""


class StoreRefusedError(RuntimeError):
    """A store did not do what it was asked. ``code`` names it in a word, ``reason`` in a line, ``advice`` what to do.

    Never leaves this package: whoever asked says what it was about.
    """

    def __init__(self, code: str, reason: str, advice: str) -> None:
        super().__init__(f"{reason}; {advice}")
        self.code = code
        self.reason = reason
        self.advice = advice


class ArchiveError(RuntimeError):
    """A file could not be put into an object store, or fetched from it."""
