"""Addresses among the settings: web pages, mail, Stripe. No error repeats what was given: it may hold a secret."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from fridge_pipeline.operations.channels import Encryption, MailServer

#: What mail is handed in at (RFC 6409, RFC 8314).
SUBMISSION_PORT, SUBMISSIONS_PORT = 587, 465


class SettingError(ValueError):
    """An environment variable holds what it cannot mean."""


def address_of(name: str, given: str) -> SplitResult:
    """The parts of an address with a host. Raises ``SettingError``, as all of these do."""
    try:
        parts = urlsplit(given)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        is_whole = False
    if not is_whole:
        raise SettingError(f"{name} is no address with a host and, where there is one, a port from 1 to 65535")
    return parts


def web_address(given: Mapping[str, str], name: str) -> str | None:
    """A page that people are led to, where the variable is set."""
    address = given.get(name)
    if address is None:
        return None
    parts = address_of(name, address)
    if parts.scheme not in {"http", "https"} or parts.username or parts.password or parts.query or parts.fragment:
        raise SettingError(f"{name} must be http:// or https://, and without user, password, ? and #: it is shown")
    return address.rstrip("/")


def stripe_base(base: str | None) -> str | None:
    """Where calls to Stripe go instead. They carry the key, so nobody on the way may read along."""
    if base is None:
        return None
    parts = address_of("STRIPE_API_BASE", base)
    is_plain = all("!" <= each <= "~" and each not in "?#@\\" for each in base)
    if not is_plain or (parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname or ""))):
        raise SettingError(
            "STRIPE_API_BASE must be https://host, with a port or a path where it needs them and without user, "
            "password, ? and #; http:// reaches a program on this machine only (127.0.0.1, ::1, localhost)"
        )
    return base.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def mail_server(given: str) -> MailServer:
    """The server that takes mail, and how to sign in there."""
    parts = address_of("FRIDGE_ALERT_SMTP", given)
    if parts.scheme not in {"smtp", "smtps"} or parts.query not in {"", "starttls=yes", "starttls=no"}:
        raise SettingError(
            "FRIDGE_ALERT_SMTP must be smtp://user:password@host:port, smtps:// for TLS from the first byte, or end "
            "in ?starttls=no for a server that does not encrypt"
        )
    encryption = Encryption.NONE if parts.query == "starttls=no" else Encryption.STARTTLS
    if parts.scheme == "smtps":
        encryption = Encryption.TLS
    port = parts.port or (SUBMISSIONS_PORT if encryption is Encryption.TLS else SUBMISSION_PORT)
    user, password = (unquote(each) if each is not None else None for each in (parts.username, parts.password))
    return MailServer(parts.hostname or "", port, encryption, user, password)
