"""How a source says that its times are written: a name, or a strptime pattern that gives an instant."""

from __future__ import annotations

import re

from fridge_pipeline.ingest.rules.source import TimeFormat

#: A pattern gives an instant only with all of these: year, month and day, or a day of a week, and the hour.
_HOUR = r"%H|%I|%k|%l|%T|%R|%r|%X|%c|%s"
_INSTANTS = (
    (r"%Y|%y|%F|%D|%c", r"%m|%B|%b|%h|%F|%D|%c|%j", r"%d|%e|%F|%D|%c|%j", _HOUR),
    ("%G", "%V", "%u", _HOUR),
)


def refusal_of_format(text: str) -> str | None:
    """Why no time can be read by it; nothing when one can."""
    if text in set(TimeFormat):
        return None
    if "%" not in text:
        return f"is {', '.join(TimeFormat)}, or a strptime pattern such as %d.%m.%Y %H:%M:%S"
    if "%s" not in text and not any(all(re.search(part, text) for part in parts) for parts in _INSTANTS):
        told = "year, month, day and hour, or year, week, day and hour of ISO 8601 (%G, %V, %u)"
        return f"gives no instant: a pattern needs {told}"
    if "%Z" in text:  # it takes any word, and moves no time
        return 'cannot follow %Z, the name of a zone: write the name itself, and timezone = "Europe/Paris"'
    if re.search(r"(?<!%)(%%)*%f", text):  # nanoseconds, and no fraction, as in other languages
        return "counts nanoseconds by %f; a fraction behind a point is %.f, one of so many digits %3f, %6f or %9f"
    import polars as pl  # noqa: PLC0415 # commands that only look at the books start without it

    from fridge_pipeline.ingest.rules.source_times import to_minutes  # noqa: PLC0415

    some, pattern = to_minutes(pl.lit("a time"), text)
    try:
        pl.select(some.str.to_datetime(pattern, strict=False))
    except pl.exceptions.ComputeError as error:
        return f"is not a pattern of a time: {str(error).splitlines()[0]}"
    return None
