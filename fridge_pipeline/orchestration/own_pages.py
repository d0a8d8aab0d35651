"""Which requests a web server of ours obeys: those to its own names, and changes from its own pages only.

Our servers have no sign-in, and a browser on the same machine reaches them. So a page of somebody else could send them
what it likes (cross-site request forgery), under a name of its own that it lets point here (DNS rebinding).
What a browser says about a request is in Fetch's standard (``Origin``) and in W3C's Fetch Metadata
(``Sec-Fetch-Site``); a program that is no browser says neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fridge_pipeline.visible import quoted, visible

if TYPE_CHECKING:
    from starlette.datastructures import Headers

#: What a request is judged by. One that comes twice is read otherwise by one program than by another.
JUDGED_BY = ("host", "origin", "sec-fetch-site", "content-type", "accept")
#: Stands between two of one name, and in no header.
BETWEEN_TWO = "\n"

READING = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")

#: Addresses to listen on that are no name of anything: every address of the machine.
EVERY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 # compared with, not listened on

DEFAULT_PORTS = (":80", ":443")
JSON = "application/json"

#: Values of ``Sec-Fetch-Site`` for a page of ours, and for what a person typed.
FROM_OURSELVES = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class OwnNames:
    """The host names under which a server is reached, and the addresses at which a proxy shows its pages.

    Both as they stand in requests: ``billing.example``, and ``billing.example:8443`` for a port that is no default.
    """

    hosts: frozenset[str]
    authorities: frozenset[str]

    @classmethod
    def of(cls, listens_on: str, *addresses: str | None) -> OwnNames:
        """Of a server that listens there, which people reach at these addresses (``https://billing.example``) too."""
        shown = [urlsplit(address).netloc.rpartition("@")[2] for address in addresses if address]
        named = () if listens_on in EVERY_ADDRESS else (listens_on,)
        return cls(
            frozenset(map(host_of, (*LOOPBACK_NAMES, *named, *shown))),
            frozenset(map(_plain_authority, shown)),
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request is not obeyed: the HTTP status, and a text for whoever sent it."""

    status: int
    text: str


def refused(
    method: str, path: str, headers: Mapping[str, str], names: OwnNames, *, is_websocket: bool = False
) -> Refused | None:
    """Why this request is not obeyed, or ``None``. The names of the headers are in lower case."""
    twice = [name for name in JUDGED_BY if BETWEEN_TWO in headers.get(name, "")]
    if twice:
        return Refused(400, f"the header {twice[0]} comes once in a request, and here it comes twice")
    authority = headers.get("host", "")
    if host_of(authority) not in names.hosts:
        return Refused(
            403,
            f"this server is not called {quoted(authority)}, but {', '.join(sorted(names.hosts))}. "
            "Behind a proxy, name the address that people open in FRIDGE_UI_URL (reports: FRIDGE_REPORTS_URL)",
        )
    if method in READING and not is_websocket:
        asks_by_address = method == "GET" and path.endswith("/graphql") and "text/html" not in headers.get("accept", "")
        return Refused(405, f"queries are asked as JSON, by POST {path}") if asks_by_address else None
    return _foreign_page(headers, authority, names) or (None if is_websocket else _other_change(method, headers))


def host_of(authority: str) -> str:
    """The host of ``host:port``, ``[::1]:port`` or a bare host, in lower case; empty for anything else."""
    host, port = authority.strip().lower(), ""
    if host.startswith("["):
        host, _, port = host[1:].partition("]")
        port = port.removeprefix(":") if port.startswith(":") else port and "none"
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    return host.removesuffix(".") if not port or port.isdecimal() else ""


def _foreign_page(headers: Mapping[str, str], authority: str, names: OwnNames) -> Refused | None:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    own = {_plain_authority(authority), *names.authorities}
    if origin is not None and _plain_authority(urlsplit(origin).netloc) not in own:
        return Refused(403, f"changes are taken from this server's own pages, not from {quoted(origin)}")
    if site is not None and site.strip().lower() not in FROM_OURSELVES:
        return Refused(403, f"changes are taken from this server's own pages, not from another site ({quoted(site)})")
    return None


def _other_change(method: str, headers: Mapping[str, str]) -> Refused | None:
    if method != "POST":
        return Refused(405, f"{method} is not in use here")
    sent_as = headers.get("content-type", "").partition(";")[0].strip().lower()
    return None if sent_as == JSON else Refused(415, f"changes are taken as {JSON}, not as {quoted(sent_as)}")


def _plain_authority(authority: str) -> str:
    """``host:port`` in lower case, without a port that is its scheme's default."""
    plain = authority.strip().lower()
    for port in DEFAULT_PORTS:
        plain = plain.removesuffix(port)
    return plain


def named_by(headers: Headers, header: str) -> str:
    """Whom a proxy names in a header; nobody where it stands twice, for then one of both came in with the request."""
    given = headers.getlist(header)
    return visible(given[0]).strip() if len(given) == 1 else ""


def header_map(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their names in lower case; of several of one name all, ``BETWEEN_TWO`` them."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        found[key] = f"{found[key]}{BETWEEN_TWO}{value}" if key in found else value
    return found
