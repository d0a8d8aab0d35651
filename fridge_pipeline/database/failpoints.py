"""Effects: the points of the chain after which something is true in the world, and after which it may die."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Effect(StrEnum):
    """What has just become true."""

    FILES_LOADED = "files_loaded"  # some landing files with their counts are committed
    USAGE_WRITTEN = "usage_written"  # the usage of a portion of the range is committed
    STAGED = "staged"  # the intent is committed, nothing is sent
    MARKED_SENT = "marked_sent"  # committed that these are being sent; not a byte has left
    ANSWERED = "answered"  # Stripe has executed one call; its answer is in memory only
    RECEIPTS_WRITTEN = "receipts_written"  # the answers are committed
    READ_BACK = "read_back"  # Stripe's total is read, nothing is committed
    DOUBTS_WRITTEN = "doubts_written"  # what the reading decided is committed


#: Told of every effect. Whoever watches may raise: the step then dies right there, as a killed process does.
Witness = Callable[[Effect], None]


def unwatched(_effect: Effect) -> None:
    """The witness in production: nobody."""
