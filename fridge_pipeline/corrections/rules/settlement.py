"""Whether an exception may be ended as somebody asks for it. No clock, no I/O."""

from __future__ import annotations

from fridge_pipeline.reason_codes import kind_of
from fridge_pipeline.reason_terms import NEED_DOCUMENT, OF_QUANTITY, How, Subject


class SettlementRefusedError(ValueError):
    """An exception cannot be ended so; the text says why, and what to do instead."""


def is_of_quantity(kind: str, how: How) -> bool:
    """Whether it ends usage of a known quantity; of files nobody knows how much they would have brought."""
    return how in OF_QUANTITY and kind_of(kind).subject not in {Subject.FILE, Subject.FOLDER}


def require_sound(exception_id: int, kind: str, how: How, document: str | None, reason: str) -> None:
    """Raises ``SettlementRefusedError`` unless exceptions of this kind are ended so, with what stays on record."""
    known = kind_of(kind)
    if not known.ends:
        raise SettlementRefusedError(
            f"exception {exception_id} ({kind}) is not settled, it ends by itself: {known.do} (docs/runbook.md#{kind})"
        )
    if how not in known.ends:
        raise SettlementRefusedError(
            f"exception {exception_id} ({kind}) is not settled as {how}, but as {' or '.join(known.ends)} "
            f"(docs/runbook.md#{kind})"
        )
    if how in NEED_DOCUMENT and not (document or "").strip():
        raise SettlementRefusedError(
            f"{how} needs the document that did it, such as the number of the invoice item or credit note: --document"
        )
    if not reason.strip():
        raise SettlementRefusedError(f"say why exception {exception_id} is settled: the reason stays on record")


def require_sign(exception_id: int, how: How, owed: int) -> None:
    """Raises ``SettlementRefusedError`` where what is owed to us would be credited, or the other way round."""
    if owed > 0 and how is How.CREDITED:
        raise SettlementRefusedError(
            f"exception {exception_id} is about {owed} that Stripe does not have, not about too much: it is "
            f"{How.INVOICED_BY_HAND} or {How.WRITTEN_OFF}"
        )
    if owed < 0 and how is not How.CREDITED:
        raise SettlementRefusedError(
            f"exception {exception_id} is about {-owed} that Stripe has too much: it is {How.CREDITED}, or stays open"
        )
