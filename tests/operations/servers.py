"""A webhook's server and a mail server as alerts meet them: real sockets on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from fridge_pipeline.cli.services import free_port
from tests.serving import HOST, served


@dataclass
class WebhookServer:
    """Takes posts, or answers ``status``; ``bodies`` is what it took."""

    port: int = 0
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/services/T0/B0/top-secret-path"

    @property
    def texts(self) -> list[str]:
        return [body["text"] for body in self.bodies]


@contextmanager
def webhook_server() -> Iterator[WebhookServer]:
    state = WebhookServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.asked += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if state.status == 200:
                assert self.headers["Content-Type"] == "application/json"
                state.bodies.append(json.loads(body))
            self.send_response(state.status)
            self.end_headers()

    with served(Handler) as address:
        state.port = int(address.rpartition(":")[2])
        yield state


@dataclass
class MailBox:
    """What a mail server took; ``refuses`` are addresses it does not know."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802 # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuses:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        message = message_from_bytes(envelope.original_content or b"", policy=default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"

    def login(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password == b"right/password", handled=False)


@contextmanager
def mail_server(**options: Any) -> Iterator[MailBox]:
    """``options`` are aiosmtpd's own, such as ``tls_context``."""
    box = MailBox(free_port(0, HOST))
    controller = Controller(
        box,
        hostname=HOST,
        port=box.port,
        server_hostname="localhost",
        authenticator=box.login,
        ready_timeout=30,
        **options,
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def body_of(message: EmailMessage) -> str:
    """The text of a message."""
    return str(message.get_content())
