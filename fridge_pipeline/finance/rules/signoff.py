"""Sign-offs: what two people put their names to when a month is closed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from fridge_pipeline.finance.rules.outcomes import BY_CAUSE

#: What a month comes to: ``meters`` by name and ``files``, each a mapping of figures; as it is stored.
ControlTotals = Mapping[str, Any]


class Action(StrEnum):
    """What somebody signed. The comments say what may follow; a month is closed after ``APPROVE``."""

    PREPARE = "prepare"  # the control totals -> prepare again, or approve
    APPROVE = "approve"  # by another person; the month is closed -> ask to reopen
    ASK_TO_REOPEN = "ask_to_reopen"  # the month stays closed -> ask again, or reopen
    REOPEN = "reopen"  # by another person; statements are made again -> prepare


@dataclass(frozen=True, slots=True)
class Signoff:
    """One signature about a month; ``control_totals`` is there when it prepares, ``reason`` when it reopens.

    ``signed_by`` is a label that was typed. ``acted_by`` is the login that signed: ``None`` before it is on record, and
    in what was signed before logins were recorded.
    """

    action: Action
    signed_by: str
    signed_at: datetime
    control_totals: ControlTotals | None = None
    reason: str | None = None
    acted_by: str | None = None

    @property
    def signer(self) -> str:
        """Who signed, as it is told: by the login, the label beside it; the database's ``told_as`` says the same."""
        if self.acted_by is None:
            return f"{self.signed_by} (login not recorded)"
        return self.acted_by if self.signed_by == self.acted_by else f"{self.acted_by} ({self.signed_by})"

    @property
    def closes(self) -> bool:
        """Whether the month is closed while this is the newest."""
        return self.action in {Action.APPROVE, Action.ASK_TO_REOPEN}


def accepted_in(totals: ControlTotals) -> str:
    """Why days that Stripe was never read for may stay so; empty where there are none, or nobody has said it."""
    return str(totals.get("not_compared", {}).get("accepted", ""))


def changes(before: ControlTotals, after: ControlTotals) -> list[str]:
    """The figures that are no longer what they were, in words; empty when the control totals are the same.

    Not how usage that is not billed divides by cause: that changes by the hour.
    """
    then, now = dict(_figures(before)), dict(_figures(after))
    return [
        f"{name} was {_said(then.get(name))} and is {_said(now.get(name))}"
        for name in sorted(then | now)
        if then.get(name) != now.get(name)
    ]


def _figures(totals: ControlTotals, place: str = "") -> Iterator[tuple[str, object]]:
    for name, value in totals.items():
        if name == BY_CAUSE:
            continue
        if isinstance(value, Mapping):
            yield from _figures(value, f"{place}{name} ")
        else:
            yield f"{place}{name}".removeprefix("meters "), value


def _said(value: object) -> str:
    return "unknown" if value is None else str(value)
