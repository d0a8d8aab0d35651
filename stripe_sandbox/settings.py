"""What a test may choose: what time it is in the sandbox, and how strict the sandbox is.

The clock shows real time until a test moves it, so that 24 hours or 35 days pass at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from stripe_sandbox.billing.switches import BILLING_RULES, BillingSettings
from stripe_sandbox.stripe_shapes import read_json, wrong_parameter

LONGEST_SERVICE = 60.0  # seconds of real time; below the SDK's own patience of 80


@dataclass(frozen=True)
class ClockSetting:
    """How the sandbox's time relates to real time; one kind of journal entry.

    ``shift_seconds`` is added to real time while ``frozen_at`` (unix seconds) is unset; a clock that is
    frozen shows ``frozen_at`` until it is moved again.
    """

    shift_seconds: float
    frozen_at: float | None


@dataclass(frozen=True)
class FreshStart:
    """Everything before it is forgotten: an empty account in real time; one kind of journal entry."""


REAL_TIME = ClockSetting(shift_seconds=0.0, frozen_at=None)


class SandboxClock:
    """Unix seconds as the sandbox sees them; every limit of the sandbox is measured on it.

    ``source`` gives real unix seconds (``time.time`` in a server). Pauses of the process, sockets and
    commits follow real time whatever this clock says.
    """

    def __init__(self, source: Callable[[], float]) -> None:
        self._source = source
        self._setting = REAL_TIME

    def now(self) -> float:
        """The sandbox's time in unix seconds."""
        if self._setting.frozen_at is not None:
            return self._setting.frozen_at
        return self._source() + self._setting.shift_seconds

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._setting.frozen_at is not None

    def setting_for(self, moment: float, *, frozen: bool) -> ClockSetting:
        """The setting under which it is ``moment`` now, running on from there or standing still."""
        return ClockSetting(moment - self._source(), moment if frozen else None)

    def adopt(self, setting: ClockSetting) -> None:
        """Follow this setting from now on."""
        self._setting = setting


@dataclass(frozen=True)
class Settings(BillingSettings):
    """How the sandbox behaves from now on; one kind of journal entry. What concerns invoices is in the base.

    ``calls_per_second`` (real time; ``None``: no limit) and ``service_seconds`` (real time for which a meter
    event call holds its customer and meter) shape the traffic; ``lag_seconds``, ``report_seconds`` and
    ``samples_max`` (sandbox clock; the last: errors shown of each code in a report, ``None``: all) say when
    and how much of the truth can be read back. ``concurrency_answer`` is the status of a second call at the
    same time. Customers whom nobody created exist if ``unsigned_customers``; events for deleted ones are
    refused at once or reported later.
    """

    calls_per_second: float | None = 1_000.0  # live mode: docs.stripe.com/rate-limits
    lag_seconds: float = 0.0
    service_seconds: float = 0.0
    concurrency_answer: str = "429"
    unsigned_customers: bool = True
    deleted_customers: str = "refuse"
    report_seconds: float = 10.0  # the validation windows in Stripe's samples of error reports
    samples_max: int | None = None

    def as_json(self) -> dict[str, object]:
        """Every setting by its name."""
        return asdict(self)


def read_settings(body: bytes, current: Settings) -> Settings:
    """The current settings with those of a JSON object in their place. Raises ``StripeError`` (400)."""
    wish = read_json(body, "Settings are a JSON object")
    if not isinstance(wish, dict):
        raise wrong_parameter("Settings are a JSON object.", None)
    for name, value in wish.items():
        if name not in _ALLOWED:
            raise wrong_parameter(f"Unknown setting {name}: there are {', '.join(_ALLOWED)}.", name)
        allows, words = _ALLOWED[name]
        if not allows(value):
            raise wrong_parameter(f"The setting {name} has to be {words}; received {value!r}.", name)
    return replace(current, **wish)


def is_seconds(value: object) -> bool:
    """Whether a JSON value can be a length of time: a finite number, not negative."""
    return type(value) in {int, float} and math.isfinite(value) and value >= 0  # type: ignore[arg-type,operator]


def is_count(value: object) -> bool:
    """Whether a JSON value is a whole number, not negative."""
    return type(value) is int and value >= 0


_ALLOWED: dict[str, tuple[Callable[[object], bool], str]] = {
    "calls_per_second": (lambda v: v is None or (is_seconds(v) and v != 0), "a number above 0, or null"),
    "lag_seconds": (is_seconds, "a number of seconds"),
    "service_seconds": (
        lambda v: is_seconds(v) and v <= LONGEST_SERVICE,  # type: ignore[operator]
        f"a number of seconds up to {LONGEST_SERVICE:.0f}",
    ),
    "concurrency_answer": (lambda v: v in ("409", "429"), '"429" or "409"'),
    "unsigned_customers": (lambda v: type(v) is bool, "true or false"),
    "deleted_customers": (lambda v: v in ("refuse", "report"), '"refuse" or "report"'),
    "report_seconds": (is_seconds, "a number of seconds"),
    "samples_max": (lambda v: v is None or is_count(v), "a whole number, or null"),
    **BILLING_RULES,
}
