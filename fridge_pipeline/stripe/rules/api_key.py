"""The Stripe API key: a secret that never shows, and a decision when it is a live one (law L11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from fridge_pipeline.stripe.rules.limits import LIVE_CALLS_PER_SECOND, SANDBOX_CALLS_PER_SECOND, TEST_CALLS_PER_SECOND

#: What the local sandbox is called with when no key is set; not a secret.
SANDBOX_KEY_TEXT = "sk_test_local_sandbox"

#: Where Stripe itself answers, as its SDK has it: ``stripe.DEFAULT_API_BASE`` and ``DEFAULT_METER_EVENTS_API_BASE``.
STRIPE_HOSTS = ("api.stripe.com", "meter-events.stripe.com")

STRIPE_API = "https://api.stripe.com"


class LiveKeyRefusedError(ValueError):
    """A live key bills real customers, so it is used only on an explicit decision."""


class KeyMode(StrEnum):
    """Where calls with a key end up."""

    LIVE = "live"
    TEST = "test"
    SANDBOX = "sandbox"


CALLS_PER_SECOND = {
    KeyMode.LIVE: LIVE_CALLS_PER_SECOND,
    KeyMode.TEST: TEST_CALLS_PER_SECOND,
    KeyMode.SANDBOX: SANDBOX_CALLS_PER_SECOND,
}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A Stripe key; ``secret`` is in no repr and no text."""

    secret: str = field(repr=False)

    @property
    def mode(self) -> KeyMode:
        """Told by the prefix, as Stripe does; whatever is not known to be a test key counts as a live one."""
        if self.secret == SANDBOX_KEY_TEXT:
            return KeyMode.SANDBOX
        return KeyMode.TEST if self.secret.startswith(("sk_test_", "rk_test_")) else KeyMode.LIVE

    @property
    def calls_per_second(self) -> int:
        """Stripe's rate limit for this mode."""
        return CALLS_PER_SECOND[self.mode]

    def redact(self, text: str) -> str:
        """The text without the key, should some library have put it there."""
        return text.replace(self.secret, f"{self.secret[:8]}…")


SANDBOX_KEY = ApiKey(SANDBOX_KEY_TEXT)


def require_allowed(key: ApiKey, base: str | None, *, live_allowed: bool, live_host: str | None) -> ApiKey:
    """The key itself; raises ``LiveKeyRefusedError`` for a live one without the decision to use it, and there.

    ``base`` is the address that is called, ``None`` for Stripe's own; ``live_host`` is the other host, with its port
    where it has one, that somebody has decided to trust with a live key.
    """
    if key.mode is not KeyMode.LIVE:
        return key
    if not live_allowed:
        raise LiveKeyRefusedError(
            "STRIPE_API_KEY is a live key (or not a test key: those begin with sk_test_ or rk_test_), and a live key "
            "bills real customers. Set FRIDGE_ALLOW_LIVE_STRIPE=yes to use it, or use a test key."
        )
    where = urlsplit(base).netloc.lower().removesuffix(":443") if base is not None else STRIPE_HOSTS[0]
    if where not in STRIPE_HOSTS and where != (live_host or "").lower().removesuffix(":443"):
        raise LiveKeyRefusedError(
            f"STRIPE_API_KEY is a live key, and STRIPE_API_BASE leads to {where}, which is not Stripe: whoever answers "
            f"there gets the key. Unset STRIPE_API_BASE, or set FRIDGE_LIVE_STRIPE_HOST={where} if you trust it."
        )
    return key


def stripe_location(mode: KeyMode, base: str | None) -> str:
    """Where usage goes with a key of this mode, to show to people."""
    name = {KeyMode.LIVE: "Stripe (live)", KeyMode.TEST: "Stripe (test key)", KeyMode.SANDBOX: "the Stripe sandbox"}[
        mode
    ]
    return name if base in {None, STRIPE_API} else f"{name} at {base}"
