"""What a test may choose about the sandbox's strictness, read from and shown as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from stripe_sandbox.errors import wrong_parameter

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_SERVICE = 60.0  # seconds of real time; below the SDK's own patience of 80


@dataclass(frozen=True)
class Settings:
    """How the sandbox behaves from now on; one kind of journal entry.

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
    try:
        wish = json.loads(body)
    except ValueError as error:
        raise wrong_parameter(f"Settings are a JSON object ({error}).", None) from error
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
    "concurrency_answer": (lambda v: v in {"409", "429"}, '"429" or "409"'),
    "unsigned_customers": (lambda v: type(v) is bool, "true or false"),
    "deleted_customers": (lambda v: v in {"refuse", "report"}, '"refuse" or "report"'),
    "report_seconds": (is_seconds, "a number of seconds"),
    "samples_max": (lambda v: v is None or is_count(v), "a whole number, or null"),
}
