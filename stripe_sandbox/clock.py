"""The sandbox's clock: real time until a test moves it, so that 24 hours or 35 days pass at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


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
