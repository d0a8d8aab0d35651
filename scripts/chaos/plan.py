"""What happens in ``make chaos``, decided by the seed alone: who bills what, who is struck when, what is delivered."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

HOURS = 24
TENANTS = 6
#: One tenant more has no Stripe customer: its usage must be among the exceptions, and nowhere else.
UNMAPPED = TENANTS

FORMATS = ("csv", "csv.gz", "ndjson", "parquet")
FIRST_DELIVERIES = HOURS
DELIVERIES = (3, 8)
#: So many billing processes begin with a round.
BILLS = (1, 2, 2)
READINGS = (40, 240)
TENANTS_PER_FILE = (1, 4)

#: Of seven files one may grow later under its name, and one may be withdrawn. What grows is never copied to another
#: hour, and what may be withdrawn never grows: so who brought a reading first never depends on the order of loads.
KINDS_OF_FILES = 7
MAY_GROW = 2
MAY_BE_WITHDRAWN = 1

#: Rounds come in eights: PostgreSQL falls in one, Stripe is cut off in one, and answers badly in two.
CYCLE = 8
POSTGRES_FALLS = 3
STOPPED_EVERY = 3  # otherwise its postmaster is killed
STRIPE_IS_CUT = 6
STRIPE_IS_ILL = (1, 5)
WITHDRAWAL_EVERY = 10
#: In every fifth round nobody but the billing processes keeps PostgreSQL up: the last to leave stops it.
UNHELD_EVERY = 5

#: What Stripe may do to calls; struck by chance, a few times.
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "drop_after", "probability": 0.3, "times": 8},
    {"kind": "drop_before", "probability": 0.3, "times": 8},
    {"kind": "reset", "probability": 0.3, "times": 8},
    {"kind": "unavailable", "probability": 0.9, "times": 12},
    {"kind": "error_500", "probability": 0.3, "times": 8},
    {"kind": "error_500_after", "probability": 0.3, "times": 8},
    {"kind": "late", "seconds": 2, "probability": 0.3, "times": 8},
    {"kind": "rate_limited", "probability": 0.3, "times": 10},
    {"kind": "lock_timeout", "probability": 0.3, "times": 8},
    {"kind": "conflict", "probability": 0.3, "times": 8},
    {"kind": "slow", "seconds": 1, "probability": 0.2, "times": 8},
)

DeliveryKind = Literal["new", "pair", "grown", "copy"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A landing file, ``at`` seconds after the beginning of its round.

    ``pair``: two files with overlapping readings at once. ``grown``: file ``number`` again under its name, with more.
    ``copy``: the readings of file ``original`` once more, in another hour.
    """

    at: float
    kind: DeliveryKind
    number: int
    hour: int
    tenants: tuple[int, ...] = ()
    form: str = "csv"
    readings: int = 0
    original: int = -1


@dataclass(frozen=True, slots=True)
class Bill:
    """A ``fridge bill`` over hours, killed at a ``share`` of the time its work takes, or of that with Stripe."""

    first: int
    last: int
    killed: Literal["at work", "with Stripe", "never"]
    share: float


@dataclass(frozen=True, slots=True)
class Blow:
    """Something falls ``at`` seconds after the beginning of its round, and is up again ``lasts`` later."""

    kind: Literal["PostgreSQL killed", "PostgreSQL stopped", "Stripe cut off"]
    at: float
    lasts: float


@dataclass(frozen=True, slots=True)
class Round:
    """What happens at the same time."""

    bills: tuple[Bill, ...]
    deliveries: tuple[Delivery, ...]
    blow: Blow | None
    faults: tuple[dict[str, Any], ...]
    withdrawn: int | None
    is_held: bool


class Plan:
    """The rounds of a seed, one after the other, without end."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rounds = 0
        self._files = 0
        self._originals: list[int] = []
        self._withdrawn: set[int] = set()

    def first_deliveries(self) -> list[Delivery]:
        """A file of all tenants for every hour, before anything else."""
        everybody = tuple(range(TENANTS + 1))
        rng = self._rng()
        made = [self._new(rng, "new", hour, everybody, 0.0) for hour in range(FIRST_DELIVERIES)]
        self._originals = [each.number for each in made]
        return made

    def next_round(self) -> Round:
        """The next round."""
        self._rounds += 1
        rng, place = self._rng(), self._rounds % CYCLE
        deliveries = tuple(self._delivery(rng) for _ in range(rng.randint(*DELIVERIES)))
        planned = Round(
            bills=tuple(_bill(rng) for _ in range(rng.choice(BILLS))),
            deliveries=deliveries,
            blow=self._blow(rng, place),
            faults=_faults(rng) if place in STRIPE_IS_ILL else (),
            withdrawn=self._withdrawal(rng) if self._rounds % WITHDRAWAL_EVERY == 0 else None,
            is_held=self._rounds % UNHELD_EVERY != 0,
        )
        self._originals += [each.number for each in deliveries if each.kind == "new"]
        return planned

    def _rng(self) -> random.Random:
        return random.Random(f"{self._seed}/{self._rounds}")  # noqa: S311 # a plan, no secret

    def _delivery(self, rng: random.Random) -> Delivery:
        at = 0.0 if rng.random() < 0.5 else round(rng.uniform(0, 7), 2)  # noqa: PLR2004 # half are there already
        kind: DeliveryKind = rng.choices(("new", "pair", "grown", "copy"), (6, 2, 1, 2))[0]
        hour = rng.randrange(HOURS)
        if kind in {"new", "pair"}:
            tenants = tuple(rng.sample(range(TENANTS + 1), rng.randint(*TENANTS_PER_FILE)))
            return self._new(rng, kind, hour, tenants, at)
        if kind == "grown":
            number = rng.choice([each for each in self._originals if each % KINDS_OF_FILES == MAY_GROW])
            return Delivery(at, kind, number, hour, readings=rng.randint(*READINGS))
        original = rng.choice([each for each in self._originals if each % KINDS_OF_FILES != MAY_GROW])
        self._files += 1
        return Delivery(at, kind, self._files, hour, original=original)

    def _new(self, rng: random.Random, kind: DeliveryKind, hour: int, tenants: tuple[int, ...], at: float) -> Delivery:
        self._files += 1
        return Delivery(at, kind, self._files, hour, tenants, rng.choice(FORMATS), rng.randint(*READINGS))

    def _blow(self, rng: random.Random, place: int) -> Blow | None:
        at, lasts = round(rng.uniform(2.0, 7.0), 2), round(rng.uniform(0.5, 4.0), 2)
        if place == POSTGRES_FALLS:
            is_stopped = self._rounds // CYCLE % STOPPED_EVERY == STOPPED_EVERY - 1
            return Blow("PostgreSQL stopped" if is_stopped else "PostgreSQL killed", at, lasts)
        return Blow("Stripe cut off", at, lasts) if place == STRIPE_IS_CUT else None

    def _withdrawal(self, rng: random.Random) -> int | None:
        able = [each for each in self._originals if each % KINDS_OF_FILES == MAY_BE_WITHDRAWN]
        chosen = rng.choice([each for each in able if each not in self._withdrawn] or [-1])
        self._withdrawn.add(chosen)
        return chosen if chosen >= 0 else None


def _bill(rng: random.Random) -> Bill:
    first, last = 0, HOURS - 1
    if rng.random() < 0.5:  # noqa: PLR2004 # half of them take all hours
        first, last = sorted(rng.sample(range(HOURS), 2))
    killed: Literal["at work", "with Stripe", "never"] = rng.choices(("at work", "with Stripe", "never"), (60, 34, 6))[
        0
    ]
    return Bill(first, last, killed, round(rng.random(), 3))


def _faults(rng: random.Random) -> tuple[dict[str, Any], ...]:
    return tuple({**each, "seed": rng.randrange(1_000_000)} for each in rng.sample(FAULTS, 3))
