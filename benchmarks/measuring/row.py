"""The row: ours against a named alternative, the ratio, and whether it is what we set out for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Self

from benchmarks.measuring.sample import Sample


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: its figure in every turn, and the samples behind them, if there are any."""

    name: str
    values: tuple[float, ...]
    samples: tuple[Sample, ...] = ()

    @classmethod
    def of(cls, name: str, samples: Iterable[Sample], figure: Callable[[Sample], float]) -> Self:
        """The side whose figure is read from its samples."""
        taken = tuple(samples)
        return cls(name, tuple(figure(sample) for sample in taken), taken)

    @classmethod
    def limit(cls, name: str, value: float) -> Self:
        """A fixed number as the other side."""
        return cls(name, (value,))

    @property
    def value(self) -> float:
        """The median of its turns."""
        return median(self.values)

    def median_of(self, figure: Callable[[Sample], float]) -> float | None:
        """The median of something else that was measured; ``None`` without samples."""
        return median(figure(sample) for sample in self.samples) if self.samples else None

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        return {
            "name": self.name,
            "median": self.value,
            "values": list(self.values),
            "samples": [sample.as_json() for sample in self.samples],
        }


@dataclass(frozen=True, slots=True)
class Target:
    """What the ratio is to be: ``at_least`` or ``at_most`` a bound."""

    at_least: float | None = None
    at_most: float | None = None

    def holds(self, ratio: float) -> bool:
        """Whether it is."""
        above = self.at_least is None or ratio >= self.at_least
        return above and (self.at_most is None or ratio <= self.at_most)

    def __str__(self) -> str:
        parts = [f"≥ {self.at_least:g}"] if self.at_least is not None else []
        return " ".join([*parts, *([f"≤ {self.at_most:g}"] if self.at_most is not None else [])])


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of ``work`` done by both sides, with their figures in one unit; without target it only reports."""

    subject: str
    work: str
    unit: str
    ours: Side
    rival: Side
    target: Target | None = None

    @property
    def words(self) -> str:
        """All of it in words."""
        return f"{self.subject}: {self.work}; {self.ours.name}, against {self.rival.name}"

    @property
    def ratio(self) -> float:
        """Our median to theirs."""
        return self.ours.value / self.rival.value

    @property
    def ratios_of_turns(self) -> Sequence[float]:
        """The ratio in each turn: how far apart they lie says how much to believe the medians."""
        if len(self.ours.values) != len(self.rival.values):
            rival = self.rival.value
            return [ours / rival for ours in self.ours.values]
        return [ours / rival for ours, rival in zip(self.ours.values, self.rival.values, strict=True)]

    @property
    def holds(self) -> bool | None:
        """Whether the ratio is what it is to be; ``None`` when the row only reports."""
        return self.target.holds(self.ratio) if self.target else None

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        return {
            "subject": self.subject,
            "work": self.work,
            "unit": self.unit,
            "ours": self.ours.as_json(),
            "rival": self.rival.as_json(),
            "ratio": self.ratio,
            "ratios_of_turns": list(self.ratios_of_turns),
            "target": str(self.target) if self.target else None,
            "holds": self.holds,
        }
