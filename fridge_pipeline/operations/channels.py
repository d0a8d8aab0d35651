"""Where alerts go: a webhook, and mail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from fridge_pipeline.visible import one_line

if TYPE_CHECKING:
    import smtplib

#: Seconds that a channel may take to connect, and again to answer; a tick that sends alerts has sixty.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0

#: Seconds that all answers to one mail may take: some servers let a stranger wait before each.
MAIL_SECONDS = 30.0

#: So much of what a server says is told on.
TOLD_LENGTH_MAX = 300


class AlertNotSentError(ConnectionError):
    """A channel did not take a message; the text names its host and what it said, never a secret."""


class AlertChannel(Protocol):
    """One way to send messages to people."""

    @property
    def name(self) -> str:
        """How the books call it."""
        ...

    @property
    def location(self) -> str:
        """Where it leads, to show to people: a host, never an address that is a secret."""
        ...

    def send(self, subject: str, text: str, now: datetime) -> str | None:
        """Delivers one message; what it says went wrong although somebody got it. Raises ``AlertNotSentError``."""
        ...


def _in_time(location: str, seconds: float, send: Callable[[], str | None]) -> str | None:
    """What ``send`` returns or raises, and ``AlertNotSentError`` when that takes too long.

    A server that answers byte by byte keeps to every timeout of a connection, so that all of it has one too.
    """
    if any(thread.name == location for thread in threading.enumerate()):
        raise AlertNotSentError(f"{location} was not reached: it still answers an earlier message")
    outcome: Future[str | None] = Future()

    def work() -> None:
        try:
            outcome.set_result(send())
        except BaseException as error:  # noqa: BLE001 # raised where it is waited for
            outcome.set_exception(error)

    threading.Thread(target=work, name=location, daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        raise AlertNotSentError(f"{location} was not reached: it answers for more than {seconds:g} seconds") from None


#: What would be markup in Slack (docs.slack.dev, "Formatting message text"): a tenant's id must not call a channel.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts to an address that is itself the secret: whoever knows it may write there."""

    url: str = field(repr=False)
    name: str = field(default="webhook", init=False)

    @property
    def location(self) -> str:
        """Its host."""
        parts = urlsplit(self.url)
        return f"the webhook at {parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def send(self, subject: str, text: str, now: datetime) -> None:  # noqa: ARG002 # whoever takes it has a clock
        """Posts one message; no redirect is followed. Raises ``AlertNotSentError``."""
        _in_time(self.location, CONNECT_SECONDS + ANSWER_SECONDS, lambda: self._post(subject, text))

    def _post(self, subject: str, text: str) -> None:
        # Most ticks send nothing, and most installations have no webhook.
        import requests  # noqa: PLC0415

        try:
            answer = requests.post(
                self.url,
                json={"text": f"{subject}\n\n{text}".translate(_ESCAPES)},
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
                stream=True,  # its body is of no use, and may have no end
            )
        except (requests.RequestException, OSError) as error:
            # Not its text, which has the whole address in it.
            raise AlertNotSentError(f"{self.location} was not reached: {type(error).__name__}") from None
        if not HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            said = one_line(f"{answer.status_code} {answer.reason}"[:TOLD_LENGTH_MAX])
            raise AlertNotSentError(f"{self.location} answered {said}")


SUBJECT_LENGTH_MAX = 200


class Encryption(StrEnum):
    """How a connection to a mail server is protected."""

    STARTTLS = "starttls"  # smtp://: begins in the clear, and goes on only encrypted
    TLS = "tls"  # smtps://: encrypted from the first byte
    NONE = "none"  # smtp://…?starttls=no: for a server on this machine


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in; the password is in no repr."""

    host: str
    port: int
    encryption: Encryption
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """Mail from one address to some others."""

    server: MailServer
    sender: str
    recipients: tuple[str, ...]
    name: str = field(default="mail", init=False)

    @property
    def location(self) -> str:
        """Its server."""
        return f"the mail server at {self.server.host}:{self.server.port}"

    def send(self, subject: str, text: str, now: datetime) -> str | None:
        """Hands in one message; names recipients that were refused while others were not.

        Raises ``AlertNotSentError``.
        """
        return _in_time(self.location, MAIL_SECONDS, lambda: self._hand_in(subject, text, now))

    def _hand_in(self, subject: str, text: str, now: datetime) -> str | None:
        import smtplib  # noqa: PLC0415 # most ticks send nothing
        from email.message import EmailMessage  # noqa: PLC0415

        message = EmailMessage()
        message["Subject"] = " ".join(subject.split())[:SUBJECT_LENGTH_MAX]
        message["From"], message["To"] = self.sender, ", ".join(self.recipients)
        message["Date"] = now
        message.set_content(text)
        try:
            with self._connect() as connection:
                refused = connection.send_message(message, self.sender, list(self.recipients))
        except smtplib.SMTPAuthenticationError as error:
            # Not its text: what a server says of a password may hold it.
            raise AlertNotSentError(f"{self.location} refused user and password ({error.smtp_code})") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise AlertNotSentError(f"{self.location}: {type(error).__name__}: {self._redacted(error)}") from None
        return f"{self.location} refused the recipients {', '.join(sorted(refused))}" if refused else None

    def _connect(self) -> smtplib.SMTP:
        """Signed in, and encrypted as the settings ask for: no password goes out in the clear."""
        import smtplib  # noqa: PLC0415
        import ssl  # noqa: PLC0415

        server = self.server
        if server.encryption is Encryption.TLS:
            trusted = ssl.create_default_context()
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=ANSWER_SECONDS, context=trusted
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=ANSWER_SECONDS)
        try:
            if server.encryption is Encryption.STARTTLS:
                connection.starttls(context=ssl.create_default_context())
            if server.user is not None:
                connection.login(server.user, server.password or "")
        except BaseException:
            connection.close()
            raise
        return connection

    def _redacted(self, error: Exception) -> str:
        told = one_line(" ".join(str(error).split()))
        return (told.replace(self.server.password, "…") if self.server.password else told)[:TOLD_LENGTH_MAX]
