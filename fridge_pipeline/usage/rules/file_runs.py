"""Runs of landing files: files are numbered as they are loaded, so those of an hour mostly follow one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: Up to so many numbers between two runs are cheaper to read along and leave out than to look once more.
BETWEEN_MAX = 16


@dataclass(frozen=True, slots=True)
class FileRun:
    """Consecutive file ids from ``first`` to ``last``, both included."""

    first: int
    last: int


def runs_of(file_ids: Iterable[int]) -> list[FileRun]:
    """As few runs as hold all of these ids and no other, in order."""
    return _joined((FileRun(file_id, file_id) for file_id in sorted(set(file_ids))), between_max=0)


def bridged(runs: Iterable[FileRun], between_max: int = BETWEEN_MAX) -> list[FileRun]:
    """Fewer runs that hold these ones, given in order, and files of others in short gaps between them."""
    return _joined(runs, between_max)


def _joined(runs: Iterable[FileRun], between_max: int) -> list[FileRun]:
    joined: list[FileRun] = []
    for run in runs:
        if joined and run.first - joined[-1].last - 1 <= between_max:
            joined[-1] = FileRun(joined[-1].first, run.last)
        else:
            joined.append(run)
    return joined
