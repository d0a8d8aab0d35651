"""A tenant's own page: an address that shows one tenant's usage for some days, and nothing else.

It names the tenant and its last day, signed with a key of this installation (HMAC-SHA256). Whoever has the address can
open it; nobody can make one of another tenant, or make one last longer.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from fridge_pipeline.console.asked import HTML, Asked
from fridge_pipeline.console.console_columns import fields
from fridge_pipeline.console.frame import ENDINGS, Page, Table
from fridge_pipeline.console.pages_of_tenants import months_plot, tenant_days_plot
from fridge_pipeline.console.read_tables import Reader

TENANT_PAGES = "/usage-of"
KEY_FILE = "tenant-links.key"
KEY_BYTES = 32

#: What may be done with the file by those who are neither its owner nor of its group.
OTHERS = 0o007
ANEW = "remove it, and make tenants' addresses anew"

#: Longer than any address of ours.
ADDRESS_CHARACTERS_MAX = 4_000

OWN_PAGE = Page(
    f"{TENANT_PAGES}/{{address}}",
    "Usage of {tenant}",
    "What was used, month by month and day by day, by UTC. A reading counts once, when it is first stored.",
    (
        Table(
            "days",
            "The last 92 days",
            "console_tenant_days",
            "One row per meter and UTC day with usage.",
            fields("usage_date meter quantity hours_with_usage"),
            "No usage in the last 92 days.",
            plot=tenant_days_plot,
        ),
        Table(
            "months",
            "Thirteen months",
            "console_tenant_months",
            "One row per meter and UTC month.",
            fields("usage_month meter month_usage hours_with_usage"),
            "No usage in the last 13 months.",
            plot=months_plot,
        ),
    ),
    is_in_menu=False,
)


@dataclass(frozen=True, slots=True)
class LinkKey:
    """What addresses are signed with; whoever has it can make them."""

    secret: bytes

    def __repr__(self) -> str:
        return "LinkKey(…)"

    def address(self, tenant_id: str, until: datetime) -> str:
        """The path of a tenant's page that can be opened until then."""
        named = json.dumps([tenant_id, int(until.timestamp())], ensure_ascii=True, separators=(",", ":")).encode()
        return f"{TENANT_PAGES}/{_text(named)}.{_text(self._signature(named))}"

    def tenant(self, address: str, now: datetime) -> str | None:
        """Whose page an address shows now; ``None`` for one that is not ours, was changed or is over."""
        said, _, _ = address.partition(".")
        try:
            named = base64.b64decode(said + "=" * (-len(said) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        # As text: several texts stand for the same bytes, and only the one that we made is ours.
        ours = f"{_text(named)}.{_text(self._signature(named))}"
        if not hmac.compare_digest(ours.encode(), address.encode()):
            return None
        tenant_id, until = json.loads(named)
        return str(tenant_id) if now.timestamp() < until else None

    def _signature(self, named: bytes) -> bytes:
        return hmac.new(self.secret, b"fridge tenant page\0" + named, sha256).digest()


class LinkKeyError(RuntimeError):
    """The file of the key holds none that only we know: somebody else could make addresses."""


def read_link_key(home: Path) -> LinkKey | None:
    """The installation's key, if one was made: a file of ours, not a link, which others cannot read.

    Its group may (a volume of Kubernetes gives it that). Raises ``LinkKeyError``.
    """
    path = home / KEY_FILE
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LinkKeyError(f"{path} is no file of ours ({error.strerror}): {ANEW}") from None
    with os.fdopen(opened, "rb") as stream:
        found, secret = os.fstat(opened), stream.read(KEY_BYTES + 1)
    if not stat.S_ISREG(found.st_mode) or found.st_uid not in {0, os.geteuid()} or found.st_mode & OTHERS:
        raise LinkKeyError(
            f"{path} may be known to others: it belongs to user {found.st_uid} and has the mode "
            f"{stat.filemode(found.st_mode)}. {ANEW.capitalize()}"
        )
    if len(secret) != KEY_BYTES:
        raise LinkKeyError(f"{path} holds {found.st_size} bytes instead of {KEY_BYTES}: {ANEW}")
    return LinkKey(secret)


def make_link_key(home: Path) -> LinkKey:
    """The same; it is made when there is none, whole, for its owner alone. Raises ``LinkKeyError``."""
    if (known := read_link_key(home)) is not None:
        return known
    with NamedTemporaryFile(dir=home, prefix=f".{KEY_FILE}.") as made:  # mode 0600
        made.write(secrets.token_bytes(KEY_BYTES))
        made.flush()
        with suppress(FileExistsError):  # another one was as quick
            os.link(made.name, home / KEY_FILE)
    if (known := read_link_key(home)) is None:
        raise LinkKeyError(f"{home / KEY_FILE} was removed while it was made: try again")
    return known


def opened_link(path: str, table: str | None, key: LinkKey, reader: Reader) -> Asked | None:
    """The tenant's page, or a file of it or of one ``table``, if the address is good now."""
    if table is not None and table not in {each.name for each in OWN_PAGE.tables}:
        return None
    ending = next((each for each in ENDINGS if path.endswith(each)), HTML)
    address = path.removesuffix(ending).removeprefix(f"{TENANT_PAGES}/")
    if len(address) > ADDRESS_CHARACTERS_MAX:
        return None
    tenant_id = key.tenant(address, reader.clock())
    if tenant_id is None:
        return None
    return Asked(OWN_PAGE, {"tenant": tenant_id}, {}, f"{TENANT_PAGES}/{address}", ending, 1, table)


def _text(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).decode().rstrip("=")
