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
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

from fridge_pipeline.console.asked import CSV, HTML, Asked
from fridge_pipeline.console.console_columns import fields
from fridge_pipeline.console.frame import Page, Table
from fridge_pipeline.console.pages_of_tenants import months_plot, tenant_days_plot
from fridge_pipeline.console.read_tables import Reader

TENANT_PAGES = "/usage-of"
KEY_FILE = "tenant-links.key"
KEY_BYTES = 32

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
    """The file of the key holds no key: whoever guesses what it holds could make addresses."""


def read_link_key(home: Path) -> LinkKey | None:
    """The installation's key, if one was made. Raises ``LinkKeyError``."""
    path = home / KEY_FILE
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(secret) != KEY_BYTES:
        raise LinkKeyError(
            f"{path} holds {len(secret)} bytes instead of {KEY_BYTES}: remove it, and make tenants' addresses anew"
        )
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
    return LinkKey((home / KEY_FILE).read_bytes())


def opened_link(path: str, key: LinkKey, reader: Reader) -> Asked | None:
    """The tenant's page, if the address is good now."""
    ending = CSV if path.endswith(CSV) else HTML
    address = path.removesuffix(ending).removeprefix(f"{TENANT_PAGES}/")
    if len(address) > ADDRESS_CHARACTERS_MAX:
        return None
    tenant_id = key.tenant(address, reader.clock())
    if tenant_id is None:
        return None
    return Asked(OWN_PAGE, {"tenant": tenant_id}, {}, f"{TENANT_PAGES}/{address}", ending, 1, None)


def _text(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).decode().rstrip("=")
