"""What can go wrong with the embedded server.

::

    EmbeddedServerError
    ├── BinariesError        the PostgreSQL 18 programs are missing, or a copy of them cannot be trusted
    ├── DataDirectoryError   the home or its data directory cannot be used as it is
    ├── ServerStartError     the server did not become ready; carries the end of its log
    └── ServerStopError      the server did not end although it was told to
"""

from __future__ import annotations


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot do what was asked; the text says why and what to do next."""


class BinariesError(EmbeddedServerError):
    """The PostgreSQL 18 programs are missing, or a copy of them cannot be trusted."""


class DataDirectoryError(EmbeddedServerError):
    """The home or its data directory cannot be used as it is."""


class ServerStartError(EmbeddedServerError):
    """The server did not become ready; the text carries the end of its log."""


class ServerStopError(EmbeddedServerError):
    """The server did not end although it was told to."""
