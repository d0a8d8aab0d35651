"""What every channel of alerts can do."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

#: Seconds that a channel may take to connect, and again to answer; a tick that tells alerts has sixty.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0


class AlertNotSentError(ConnectionError):
    """A channel did not take a message; the text names its host and what it said, never a secret."""


class AlertChannel(Protocol):
    """One way to tell people."""

    @property
    def name(self) -> str:
        """How the books call it."""
        ...

    @property
    def place(self) -> str:
        """Where it leads, to show to people: a host, never an address that is a secret."""
        ...

    def send(self, subject: str, text: str, now: datetime) -> str | None:
        """Delivers one message; what it says went wrong although somebody was told. Raises ``AlertNotSentError``."""
        ...
