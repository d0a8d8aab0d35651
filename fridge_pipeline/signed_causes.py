"""Why a figure of a signed month is not what was signed; ``reason_codes`` has them beside the other causes."""

from __future__ import annotations

from typing import Final

from fridge_pipeline.reason_terms import DifferenceCause


def _later(words: str, meaning: str) -> DifferenceCause:
    return DifferenceCause(None, words, meaning, is_explained=True)


SIGNED_CAUSES: Final[dict[str, DifferenceCause]] = {
    "late_file": _later(
        "late file: it came after the month was signed",
        "A landing file brought readings of a signed month after the signature; the signed figure stays what it is.",
    ),
    "withdrawn_later": _later(
        "withdrawn later: after the month was signed",
        "A landing file of a signed month was withdrawn after the signature; the signed figure stays what it is.",
    ),
    "stated_later": _later(
        "stated later: Stripe took or refused a statement after the month was signed",
        "What Stripe has accepted for a signed month is not what it had accepted when it was signed.",
    ),
    "hours_not_kept": _later(
        "hours not kept: only the totals were signed",
        "The month was signed before its hours were kept: what has changed in it is known by its totals only.",
    ),
    "read_later": _later(
        "read later: Stripe was read again after the month was signed",
        "Stripe was read again after the signature, and its sum was not known then or is another now.",
    ),
}
