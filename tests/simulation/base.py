"""What everybody who acts in a schedule has: the world, names that are new, and the tally."""

from __future__ import annotations

from typing import ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from tests.simulation.parts import Parts
from tests.simulation.world import ScheduleWorld


class Actor(RuleBasedStateMachine):
    """Hypothesis picks the steps; ``parts`` is set by whoever runs it."""

    parts: ClassVar[Parts]

    def __init__(self) -> None:
        super().__init__()
        self.world: ScheduleWorld | None = None
        self.seconds = 0
        self.names = 0

    @property
    def now(self) -> ScheduleWorld:
        """The world, once it is there."""
        assert self.world is not None
        return self.world

    def did(self, step: str) -> None:
        """For the summary."""
        self.parts.tally.steps[step] += 1

    def has_files(self) -> bool:
        """Whether anything lies in the landing zone."""
        return self.world is not None and bool(self.world.record.lying)

    def new_name(self) -> str:
        """A name that no file ever had."""
        self.names += 1
        return f"gw-{self.names}"
