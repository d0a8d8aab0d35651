"""Where the embedded server answers, and as whom to speak to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Host, port, role and database of a running server. The password never shows in its ``repr``."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    def dsn(self, database: str | None = None) -> str:
        """``postgresql://user:password@host:port/database``; holds the password, so never log it."""
        name = self.database if database is None else database
        user, password, path = (quote(part, safe="") for part in (self.user, self.password, name))
        return f"postgresql://{user}:{password}@{self.host}:{self.port}/{path}"
