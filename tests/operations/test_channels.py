"""Laws of the channels: no secret goes out in the clear or into a text, and what is sent is only text."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

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
        {"FRIDGE_ALERT_STALE_HOURS": "soon"},
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(given: dict[str, str]) -> None:
    with pytest.raises(SettingError, match="FRIDGE_ALERT_") as wrong:
        read_settings(given)
    assert "top-secret" not in f"{wrong.value} {wrong.value.__cause__} {wrong.value.__context__}"
