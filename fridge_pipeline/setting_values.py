"""What the text of a variable means, and what it must not be. Every function here raises ``ValueError``.

No error repeats an address or a key: it may hold a secret. Who calls adds the variable's name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, ValidationInfo

from fridge_pipeline.calendar.hours import Hour, NotAnHourError
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.catalogue.measures_file import read_measures
from fridge_pipeline.catalogue.meter import Meter
from fridge_pipeline.catalogue.meters_file import read_catalogue
from fridge_pipeline.ingest.object_store.store import refuse_credentials
from fridge_pipeline.ingest.rules.location import Location, location_of
from fridge_pipeline.ingest.rules.source import Source, numbers_of
from fridge_pipeline.ingest.sources_file import read_sources
from fridge_pipeline.operations.channels import Encryption, MailServer
from fridge_pipeline.stripe.rules.api_key import ApiKey

#: What mail is handed in at (RFC 6409, RFC 8314).
SUBMISSION_PORT, SUBMISSIONS_PORT = 587, 465

Read = TypeVar("Read")
Choice = TypeVar("Choice", bound=StrEnum)


def absolute(given: str) -> Path:
    """A file or folder; another process may work in another folder."""
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"there is no home folder of that user, got {given!r}") from None


def is_yes(given: str) -> bool:
    """Whether somebody has decided: nothing but ``yes`` does."""
    return given == "yes"


#: No setting needs a larger number, and what is counted in hours or months from now stays in the calendar.
MOST, TIMES_MOST, MONTHS_MOST = 10**9, 10**6, 1_200


def between(least: float, most: float = MOST) -> Callable[[str], float]:
    """A number within bounds, both included."""

    def number(given: str) -> float:
        try:
            found = float(given)
        except ValueError:
            raise ValueError(f"must be a number, got {given!r}") from None
        if not found >= least:
            raise ValueError(f"must be at least {least}, got {given!r}")
        if found > most:
            raise ValueError(f"must be at most {most:,}, got {given!r}")
        return found

    return number


def whole(least: int, most: int = MOST) -> Callable[[str], int]:
    """The same without a fraction."""

    def number(given: str) -> int:
        found = between(least, most)(given)
        if found != int(found):
            raise ValueError(f"must be a whole number, got {given!r}")
        return int(found)

    return number


def minutes(given: str) -> timedelta:
    """So many of them, none included."""
    return timedelta(minutes=between(0, TIMES_MOST)(given))


def hours(given: str) -> timedelta:
    """So many of them, none included."""
    return timedelta(hours=between(0, TIMES_MOST)(given))


#: Where the partition grid begins, unless it is told.
GRID_START = Hour.from_key("2026-01-01-00:00")

#: Has the grid begin at the first hour that the books know; ``fridge up`` keeps to that by itself.
FIRST_KNOWN = "first"


def grid_start(given: str) -> Hour:
    """A partition key, or ``first``, of which only the books know which hour that is."""
    return GRID_START if given == FIRST_KNOWN else Hour.from_key(given)


def billing_start(given: str) -> BillingStart:
    """A partition key, or ``never``."""
    try:
        return BillingStart.from_text(given)
    except NotAnHourError as error:
        raise ValueError(f"{error}, or never") from None


def one_of(kind: type[Choice]) -> Callable[[str], Choice]:
    """A value of an enumeration."""

    def chosen(given: str) -> Choice:
        *others, last = kind
        if given not in {*others, last}:
            raise ValueError(f"must be {', '.join(others)} or {last}, got {given!r}")
        return kind(given)

    return chosen


def catalogue(given: str, others: ValidationInfo) -> tuple[Meter, ...]:
    """The meters of a TOML file."""
    if "sources" not in others.data:  # its own error says what is wrong
        return ()
    return _of_file(given, lambda text: read_catalogue(tomllib.loads(text), numbers_of(others.data["sources"])))


def measures(given: str, others: ValidationInfo) -> tuple[Measure, ...]:
    """The measures that the same file declares."""
    if "sources" not in others.data:
        return ()
    return _of_file(given, lambda text: read_measures(tomllib.loads(text), numbers_of(others.data["sources"])))


def sources(given: str) -> tuple[Source, ...]:
    """The sources of a TOML file."""
    return _of_file(given, read_sources)


def _of_file(given: str, read: Callable[[str], Read]) -> Read:
    file = absolute(given)
    try:
        return read(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:  # no UTF-8, no TOML, or no catalogue or sources
        raise ValueError(f"{file}: {error}") from None


def landing_uri(given: str) -> str:
    """A root without credentials: it is shown in the UI, in logs and errors. A folder is whole, as other places are."""
    refuse_credentials(given)
    return given if "://" in given else str(absolute(given))


def archive(given: str) -> Location:
    """Where packs and reports are put; it is shown in many places."""
    refuse_credentials(given)
    place = location_of(given)
    return absolute(str(place)) if isinstance(place, Path) else place


def api_key(given: str) -> ApiKey:
    """A key in characters that Stripe's keys have."""
    foreign = next((number for number, each in enumerate(given, 1) if not "!" <= each <= "~"), None)
    if foreign is not None:
        raise ValueError(f"character {foreign} of {len(given)} is in no Stripe key; copy the key from Stripe again")
    return ApiKey(given)


def dsn(given: str) -> str:
    """The DSN as given; what PostgreSQL's own parser says of a wrong one repeats it, with the password."""
    try:
        conninfo_to_dict(given)
    except psycopg.ProgrammingError:
        raise ValueError(
            "no DSN that PostgreSQL can read; it is not shown here, because it may hold a password. Expected "
            "postgresql://user:password@host:port/name, with characters such as @, /, [ and % in the password as "
            "%40, %2F, %5B and %25"
        ) from None
    return given


def web_address(given: str) -> str:
    """A page that people are led to."""
    parts = address_of(given)
    if parts.scheme not in {"http", "https"} or parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be http:// or https://, and without user, password, ? and #: it is shown")
    return given.rstrip("/")


def webhook(given: str) -> str:
    """Where alerts are posted; a secret."""
    if address_of(given).scheme not in {"http", "https"}:
        raise ValueError("must be an http:// or https:// address")
    return given


def recipients(given: str) -> tuple[str, ...]:
    """Mail addresses with commas between."""
    return tuple(each.strip() for each in given.split(",") if each.strip())


def mail_server(given: str) -> MailServer:
    """The server that takes mail, and how to sign in there."""
    parts = address_of(given)
    if parts.scheme not in {"smtp", "smtps"} or parts.query not in {"", "starttls=yes", "starttls=no"}:
        raise ValueError(
            "must be smtp://user:password@host:port, smtps:// for TLS from the first byte, or end in ?starttls=no for "
            "a server that does not encrypt"
        )
    encryption = Encryption.NONE if parts.query == "starttls=no" else Encryption.STARTTLS
    if parts.scheme == "smtps":
        encryption = Encryption.TLS
    port = parts.port or (SUBMISSIONS_PORT if encryption is Encryption.TLS else SUBMISSION_PORT)
    user, password = (unquote(each) if each is not None else None for each in (parts.username, parts.password))
    if user is not None and encryption is Encryption.NONE and not _is_here(parts.hostname or ""):
        raise ValueError(
            "would send the password unencrypted: ?starttls=no with a user is for a server on this machine only"
        )
    return MailServer(parts.hostname or "", port, encryption, user, password)


def stripe_base(given: str) -> str:
    """Where calls to Stripe go instead. They carry the key, so nobody on the way may read along."""
    parts = address_of(given)
    is_plain = all("!" <= each <= "~" and each not in "?#@\\" for each in given)
    if not is_plain or (parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname or ""))):
        raise ValueError(
            "must be https://host, with a port or a path where it needs them and without user, password, ? and #; "
            "http:// reaches a program on this machine only (127.0.0.1, ::1, localhost)"
        )
    return given.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(given: str) -> SplitResult:
    """The parts of an address with a host."""
    try:
        parts = urlsplit(given)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is not a number
        is_whole = False
    if not is_whole:
        raise ValueError("no address with a host and, where there is one, a port from 1 to 65535")
    return parts


def variable(name: str, default: object, meaning: str, *, shown: str | None = None, secret: bool = False) -> Any:
    """A field that an environment variable decides; ``shown`` says in words what holds when it is unset or empty.

    A default that follows from ``home`` is a function of the fields before it. A secret's value shows nowhere.
    """
    by_field = {"default_factory": default} if callable(default) else {"default": default}
    words: dict[str, Any] = {"shown": f"`{default}`" if shown is None else shown}
    return Field(**by_field, validation_alias=name, description=meaning, repr=not secret, json_schema_extra=words)
