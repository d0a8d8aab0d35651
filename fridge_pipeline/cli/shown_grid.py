"""The grid of the code server of ``fridge up``: begun at the first hour that the books know, and kept to that."""

from __future__ import annotations

from collections.abc import Mapping

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.connection import Database
from fridge_pipeline.orchestration.grid_start import VARIABLE, first_hour
from fridge_pipeline.setting_values import FIRST_KNOWN
from fridge_pipeline.settings import Settings


def grid_variable(environ: Mapping[str, str]) -> dict[str, str]:
    """What has the code server begin its grid there, unless the environment names an hour."""
    return {} if environ.get(VARIABLE, "").strip() else {VARIABLE: FIRST_KNOWN}


class ShownGrid:
    """Knows where the grid begins that the code server shows, and whether the books know an earlier hour by now."""

    def __init__(self, settings: Settings, books: Database, *, is_followed: bool) -> None:
        self._settings = settings
        self._books = books
        self._is_followed = is_followed
        self._start = first_hour(settings, books) if is_followed else None

    def earlier_start(self) -> Hour | None:
        """The hour to begin at from now on, if another. The grid never begins later than before: nothing falls off."""
        known = first_hour(self._settings, self._books) if self._is_followed else None
        return known if known is not None and (self._start is None or known < self._start) else None

    def begins_at(self, start: Hour) -> None:
        """The code server has been started anew since that hour is known."""
        self._start = start
