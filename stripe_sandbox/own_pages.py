"""Requests that a web page of somebody else sends through a browser are not obeyed: there is no key to guess here.

A browser names the page a request comes from (``Origin``, ``Sec-Fetch-Site``) and the name it was sent to
(``Host``); a page could otherwise let a name of its own point to this machine (DNS rebinding).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stripe_sandbox.errors import StripeError

if TYPE_CHECKING:
    from starlette.requests import Request

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FROM_OURSELVES = frozenset({"same-origin", "none"})
JSON = "application/json"


def require_own_page(request: Request) -> None:
    """Raises ``StripeError`` for a request under a foreign name, or one that would change something for a foreign page.

    Names of ours are those of loopback, and the address that the connection was made to.
    """
    authority = request.headers.get("host", "")
    connected_to, _ = request.scope["server"]
    if host_of(authority) not in LOOPBACK | {connected_to}:
        raise StripeError(403, f"This sandbox is not called {authority[:100]!a}; ask it by its address.")
    if request.method == "GET":
        return
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    if (origin is not None and urlsplit(origin).netloc.lower() != authority.lower()) or site not in FROM_OURSELVES:
        raise StripeError(403, f"Not from the page of somebody else: {(origin or site)[:100]!a}.")
    sent_as = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if sent_as != JSON:
        raise StripeError(415, f"The sandbox takes {JSON}, not {sent_as[:100]!a}.")


def host_of(authority: str) -> str:
    """The host of ``host:port`` or ``[::1]:port``, in lower case; empty for what is neither."""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""
