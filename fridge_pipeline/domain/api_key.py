"""The Stripe API key: a secret that never shows, and a decision when it is a live one (law L11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fridge_pipeline.domain.limits import LIVE_CALLS_PER_SECOND, SANDBOX_CALLS_PER_SECOND, TEST_CALLS_PER_SECOND

#: What the local sandbox is called with when no key is set; not a secret.
SANDBOX_KEY_TEXT = "sk_test_local_sandbox"


class LiveKeyRefusedError(ValueError):
    """A live key bills real customers, so it is used only on an explicit decision."""


class KeyMode(StrEnum):
    """Where calls with a key end up."""

    LIVE = "live"
    TEST = "test"
    SANDBOX = "sandbox"


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
        return {
            KeyMode.LIVE: LIVE_CALLS_PER_SECOND,
            KeyMode.TEST: TEST_CALLS_PER_SECOND,
            KeyMode.SANDBOX: SANDBOX_CALLS_PER_SECOND,
        }[self.mode]

    def redact(self, text: str) -> str:
        """The text without the key, should some library have put it there."""
        return text.replace(self.secret, f"{self.secret[:8]}…")


SANDBOX_KEY = ApiKey(SANDBOX_KEY_TEXT)


def require_allowed(key: ApiKey, *, live_allowed: bool) -> ApiKey:
    """The key itself; raises ``LiveKeyRefusedError`` for a live one without the decision to use it."""
    if key.mode is KeyMode.LIVE and not live_allowed:
        raise LiveKeyRefusedError(
            "STRIPE_API_KEY is a live key (or not a test key: those begin with sk_test_ or rk_test_), and a live key "
            "bills real customers. Set FRIDGE_ALLOW_LIVE_STRIPE=yes to use it, or use a test key."
        )
    return key
