"""Ctrl-C and its kin: a command ends in order and in time, without a traceback, and with the exit code of shells."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: What shells add to the number of the signal that ended a command: 130 for Ctrl-C, 143 for SIGTERM.
SIGNAL_BASE = 128

_received: list[int] = []
_last_words: list[str] = []
_told = threading.Event()


def exit_code() -> int | None:
    """The exit code of this process when a signal has ended it; ``None`` when none has."""
    return SIGNAL_BASE + _received[0] if _received else None


def last_words() -> str:
    """What to say when a signal has ended this process and nothing better is known."""
    return _last_words[0]


def told() -> None:
    """Notes that a person has read what an ending has to say."""
    _told.set()


@contextmanager
def ended_by_signals(seconds_max: float | None = None, words: str = "interrupted") -> Iterator[None]:
    """The first signal raises ``KeyboardInterrupt``; a second must not disturb the ending, so it changes nothing.

    What is not over ``seconds_max`` after the signal is cut off, as by a kill -9: that loses nothing, and an ending
    must not wait for calls that nobody can interrupt. ``words`` are said then, unless the ending had its say.
    SIGHUP stays ignored where it is (nohup).
    """

    def interrupt(number: int, _frame: object) -> None:
        _received.append(number)
        _last_words.append(words)
        for each in ENDING_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        _silence()
        if seconds_max is not None:
            timer = threading.Timer(seconds_max, _cut_off)
            timer.daemon = True
            timer.start()
        raise KeyboardInterrupt

    heeded = [each for each in ENDING_SIGNALS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, interrupt) for each in heeded}
    try:
        yield
    finally:
        if not _received:
            for each, handler in before.items():
                signal.signal(each, handler)


def end_now(code: int | None = None) -> None:
    """Ends the process without waiting for threads that are still at something; what was said is written out."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit((exit_code() or 1) if code is None else code)


def _cut_off() -> None:
    if not _told.is_set():
        os.write(sys.stderr.fileno(), f"\n{last_words()}\n".encode())
    end_now()


def _silence() -> None:
    """What is cut off has errors to tell that are none."""
    logging.disable(logging.CRITICAL)
    threading.excepthook = lambda _: None
    sys.unraisablehook = lambda _: None
