"""The grid of the code server of ``fridge up``: begun at the first hour that the books know, and kept to that."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.database.connection import Database
from fridge_pipeline.orchestration.grid_start import VARIABLE, first_hour
from fridge_pipeline.orchestration.lost_runs import ask_dagster, runs_under_way
from fridge_pipeline.setting_values import FIRST_KNOWN
from fridge_pipeline.settings import Settings


def grid_variable(environ: Mapping[str, str]) -> dict[str, str]:
    """What has the code server begin its grid there, unless the environment names an hour."""
    return {} if environ.get(VARIABLE, "").strip() else {VARIABLE: FIRST_KNOWN}


class ShownGrid:
    """Has the code server load its code anew when the books know an earlier first hour, or the first one at all."""

    def __init__(self, settings: Settings, books: Database, *, is_followed: bool) -> None:
        self._settings = settings
        self._books = books
        self._is_followed = is_followed
        self._start = first_hour(settings, books) if is_followed else None

    def follow(self, code_server: Path | None, storage: Database) -> Hour | None:
        """Returns the hour when it has changed. The grid never begins later than before: nothing falls off it.

        The code server ends for it, and is started again: not while runs are under way.
        """
        known = first_hour(self._settings, self._books) if self._is_followed else None
        if code_server is None or known is None or (self._start is not None and known >= self._start):
            return None
        if runs_under_way(storage):
            return None
        ask_dagster("reload", os.fspath(code_server))
        self._start = known
        return known
