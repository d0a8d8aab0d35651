"""Laws of the channels: no secret goes out in the clear or into a text, and what is sent is only text."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fridge_pipeline.operations import channels
from fridge_pipeline.operations.channels import AlertNotSentError, Encryption, Mail, MailServer, Webhook
from fridge_pipeline.settings import SettingError, read_settings
from tests.operations.conftest import mail_to
from tests.operations.servers import MailBox, WebhookServer, body_of, mail_server

NOW = datetime(2026, 1, 24, 18, 0, tzinfo=UTC)
ADDRESSES = {"FRIDGE_ALERT_FROM": "fridge@example.org", "FRIDGE_ALERT_TO": "ada@example.org, bob@example.org"}


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for localhost, which this process trusts."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    written = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *written], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_what_would_call_everybody_in_slack_is_only_text(webhook: WebhookServer) -> None:
    Webhook(webhook.url).send("tenant <!channel>", "a & b", NOW)
    assert webhook.bodies == [{"text": "tenant &lt;!channel&gt;\n\na &amp; b"}]


@contextmanager
def answering(
    head: bytes, body: bytes, seconds: float = 6, pause: float = 0, *, speaks_first: bool = False
) -> Iterator[str]:
    """A server that answers so, and with the body again and again as long as somebody reads it."""

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            if not speaks_first:
                connection.recv(65_536)
            connection.sendall(head)
            until = time.monotonic() + seconds
            while body and time.monotonic() < until:
                connection.sendall(body)
                time.sleep(pause)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/top-secret-path"
        thread.join()


def test_of_what_a_webhook_answers_nothing_is_read_but_its_status() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", b"x" * 65_536) as url:
        start = time.monotonic()
        Webhook(url).send("x", "y", NOW)
        assert time.monotonic() - start < 3


def test_a_webhook_that_answers_byte_by_byte_is_waited_for_no_longer_than_one_that_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(channels, "ANSWER_SECONDS", 0.5)
    with answering(b"HTTP/1.1 ", b"2", pause=0.1) as url:
        start = time.monotonic()
        with pytest.raises(AlertNotSentError, match="was not reached"):
            Webhook(url).send("x", "y", NOW)
        assert time.monotonic() - start < 4


def test_a_mail_server_whose_answer_has_no_end_is_waited_for_no_longer_and_not_asked_again_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "MAIL_SECONDS", 1)
    with answering(b"", b"220-wait\r\n", pause=0.1, speaks_first=True) as url:
        port = urlsplit(url).port
        assert port is not None
        mail = Mail(MailServer("127.0.0.1", port, Encryption.NONE), "a@example.org", ("b@example.org",))
        start = time.monotonic()
        with pytest.raises(AlertNotSentError, match=f"127.0.0.1:{port} was not reached: it answers for more than 1 s"):
            mail.send("x", "y", NOW)
        with pytest.raises(AlertNotSentError, match="it still answers an earlier message"):
            mail.send("x", "y", NOW)
        assert time.monotonic() - start < 4


def test_what_a_server_says_of_a_refusal_is_told_short_and_in_one_line(mailbox: MailBox) -> None:
    long = b"HTTP/1.1 500 no\x1b[2J" + b"o" * 5_000 + b"\r\nContent-Length: 0\r\n\r\n"
    with answering(long, b"") as url, pytest.raises(AlertNotSentError, match=r"500 no\\x1b\[2Jo") as refused:
        Webhook(url).send("x", "y", NOW)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500
    mailbox.refuses = {f"{'o' * 400}\u202e@example.org"}
    with pytest.raises(AlertNotSentError) as refused:
        mail_to(mailbox, *mailbox.refuses).send("x", "y", NOW)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500


def test_a_subject_cannot_smuggle_a_header_and_all_recipients_get_one_message(mailbox: MailBox) -> None:
    mail_to(mailbox, "ada@example.org", "bob@example.org").send("x\r\nBcc: eve@example.org", "tärra\n.\nend", NOW)
    (message,) = mailbox.messages
    assert message["Subject"] == "x Bcc: eve@example.org"
    assert message["Date"].datetime == NOW
    assert mailbox.recipients == [["ada@example.org", "bob@example.org"]]
    assert body_of(message).replace("\r\n", "\n") == "tärra\n.\nend\n"


def test_one_refused_recipient_is_named_and_the_others_are_told(mailbox: MailBox) -> None:
    mailbox.refuses = {"gone@example.org"}
    note = mail_to(mailbox, "gone@example.org", "ada@example.org").send("x", "y", NOW)
    assert note == f"the mail server at 127.0.0.1:{mailbox.port} refused the recipients gone@example.org"
    assert mailbox.recipients == [["ada@example.org"]]
    with pytest.raises(AlertNotSentError, match="SMTPRecipientsRefused"):
        mail_to(mailbox, "gone@example.org").send("x", "y", NOW)


def test_the_password_goes_to_a_server_that_encrypts_and_is_trusted_and_to_no_other(
    certificate: ssl.SSLContext, mailbox: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"user": "fridge", "password": "right/password", "encryption": Encryption.STARTTLS}
    with mail_server(tls_context=certificate, require_starttls=True) as box:
        mail_to(box, **asked).send("x", "y", NOW)
        assert (len(box.messages), box.logins) == (1, [("fridge", "right/password")])
        with pytest.raises(AlertNotSentError, match=r"refused user and password \(535\)") as refused:
            mail_to(box, **{**asked, "password": "wrong"}).send("x", "y", NOW)
        assert "wrong" not in str(refused.value)
        box.logins.clear()
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(AlertNotSentError, match="CERTIFICATE_VERIFY_FAILED"):
            mail_to(box, **asked).send("x", "y", NOW)
        assert box.logins == []
    with pytest.raises(AlertNotSentError, match="STARTTLS extension not supported"):
        mail_to(mailbox, **asked).send("x", "y", NOW)
    assert mailbox.logins == []


def test_a_channel_that_is_not_there_is_named_by_its_host_and_never_by_its_secret() -> None:
    channels = (
        Webhook("http://127.0.0.1:9/services/top-secret-path"),
        Mail(MailServer("127.0.0.1", 9, Encryption.NONE, "u", "top-secret-path"), "a@example.org", ("b@example.org",)),
    )
    for channel in channels:
        with pytest.raises(AlertNotSentError, match=r"127\.0\.0\.1:9") as down:
            channel.send("x", "y", NOW)
        assert "top-secret-path" not in f"{down.value} {channel!r} {channel.location} {down.value.__cause__}"


def test_the_settings_say_how_mail_is_handed_in_and_show_no_secret() -> None:
    for given, expected in {
        "smtp://fridge:right%2Fpassword@mail.example.org": ("mail.example.org", 587, Encryption.STARTTLS),
        "smtps://fridge:right%2Fpassword@mail.example.org": ("mail.example.org", 465, Encryption.TLS),
        "smtp://fridge:right%2Fpassword@127.0.0.1:25?starttls=no": ("127.0.0.1", 25, Encryption.NONE),
    }.items():
        settings = read_settings({**ADDRESSES, "FRIDGE_ALERT_SMTP": given, "FRIDGE_ALERT_WEBHOOK": "https://h/s3cr"})
        server = settings.alert_mail_server
        assert server is not None
        assert (server.host, server.port, server.encryption) == expected
        assert (server.user, server.password) == ("fridge", "right/password")
        assert settings.alert_recipients == ("ada@example.org", "bob@example.org")
        assert "right" not in repr(settings)
        assert "s3cr" not in repr(settings)


@pytest.mark.parametrize(
    "given",
    [
        {"FRIDGE_ALERT_WEBHOOK": "hooks.example.org/top-secret"},
        {"FRIDGE_ALERT_WEBHOOK": "ftp://hooks.example.org/top-secret"},
        {"FRIDGE_ALERT_WEBHOOK": "https://hooks.example.org:top-secret/"},
        {"FRIDGE_ALERT_SMTP": "smtp://u:top-secret@mail.example.org"},
        {**ADDRESSES, "FRIDGE_ALERT_SMTP": "imap://u:top-secret@mail.example.org"},
        {**ADDRESSES, "FRIDGE_ALERT_SMTP": "smtp://u:top-secret@mail.example.org?starttls=perhaps"},
        {**ADDRESSES, "FRIDGE_ALERT_SMTP": "smtp://u:top-secret@mail.example.org?starttls=no"},
        {"FRIDGE_ALERT_STALE_HOURS": "soon"},
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(given: dict[str, str]) -> None:
    with pytest.raises(SettingError, match="FRIDGE_ALERT_") as wrong:
        read_settings(given)
    assert "top-secret" not in f"{wrong.value} {wrong.value.__cause__} {wrong.value.__context__}"
