"""The sample: what one candidate took for one piece of work."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """Wall and CPU seconds of the timed part, and the most memory the process ever held resident (bytes).

    ``peak_before`` is that most as it was before the work: what the imports took, and what was read beforehand.
    ``work`` is how much was done, in the unit of the subject. ``watched_cpu`` are the CPU seconds that other
    processes, by name, spent meanwhile: the database server's, the sandbox's.
    """

    wall: float
    cpu: float
    peak_memory: int
    peak_before: int
    work: float
    watched_cpu: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Work per second of wall time."""
        return self.work / self.wall

    @property
    def cores(self) -> float:
        """How many cores the process itself kept busy."""
        return self.cpu / self.wall

    def as_json(self) -> dict[str, Any]:
        """For the record, and for the way from the candidate's process to ours."""
        return asdict(self)
