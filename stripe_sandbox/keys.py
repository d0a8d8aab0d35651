"""Who may call: any test key, so that client code needs no change, and never a live one."""

from __future__ import annotations

import base64

from stripe_sandbox.errors import unauthorized

SECRET_KEY_PREFIXES = ("sk_", "rk_")  # secret and restricted keys: docs.stripe.com/keys
LIVE_MARK = "_live_"

_NO_KEY = (
    "You did not provide an API key. Send it as 'Authorization: Bearer sk_test_…'; "
    "the local Stripe sandbox takes any test key."
)
_UNREADABLE = "Invalid API Key provided. The local Stripe sandbox takes any key that starts with sk_ or rk_."
_LIVE = (
    "A live key was sent to the local Stripe sandbox, which refuses it: nothing is billed here, so a live "
    "key has no business here. Use any test key, such as sk_test_sandbox."
)


def authenticate(authorization: str | None) -> None:
    """Check an ``Authorization`` header (Bearer, or Basic with the key as user).

    Raises ``StripeError`` (401). The key is looked at and forgotten: never logged, stored or repeated.
    """
    key = _key_in(authorization) if authorization else ""
    if not key:
        raise unauthorized(_NO_KEY)
    if not key.startswith(SECRET_KEY_PREFIXES):
        raise unauthorized(_UNREADABLE)
    if LIVE_MARK in key:
        raise unauthorized(_LIVE)


def _key_in(authorization: str) -> str:
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except ValueError:  # not base64, or not text
        raise unauthorized(_UNREADABLE) from None  # the cause would repeat the credentials
