"""Whether a draft is held until its hours are delivered, let go, or left to whoever has scheduled it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fridge_pipeline.stripe.rules.invoice import Draft


class InvoiceMode(StrEnum):
    """``FRIDGE_INVOICES``."""

    WATCH = "watch"  # read and compared
    HOLD = "hold"  # drafts are also kept open until their hours are delivered
    OFF = "off"  # not read


#: A draft that is let go becomes final so much later. How far ahead Stripe wants the time to be is not known.
LET_GO_AHEAD = timedelta(minutes=15)

#: An intent whose time is nearer than this is made anew.
NEAREST = timedelta(minutes=5)

#: So long after the last statement, and after the period's end, Stripe is taken to have counted everything.
SETTLED_AFTER = timedelta(hours=1)

#: Stripe's own time is a whole number of hours after the draft's creation, 1 to 72 by the account's grace.
GRACE_UNIT, GRACES_MAX = timedelta(hours=1), 72
GRACE_TOLERANCE = timedelta(minutes=5)


class HoldAct(StrEnum):
    """What is done about a draft now."""

    HOLD = "hold"
    RELEASE = "release"
    LEAVE = "leave"  # somebody else decides when it becomes final
    WAIT = "wait"  # nothing is to be done now


@dataclass(frozen=True, slots=True)
class Intent:
    """Something that was to be done to a draft, as the books have it; ``outcome`` is ``None`` while nobody knows.

    ``failures`` counts the tries that were refused, or of which nobody knows.
    """

    hold_id: int
    act: HoldAct
    attempt: int
    mark: str
    finalizes_at: datetime
    outcome: str | None
    failures: int

    @property
    def is_done(self) -> bool:
        """Whether it is known to have had its effect."""
        return self.outcome in {"done", "found"}


@dataclass(frozen=True, slots=True)
class Holding:
    """How drafts are held: for how long after the end of their period, and by which beginning of a mark."""

    longest: timedelta
    marked_by: str


@dataclass(frozen=True, slots=True)
class Ending:
    """When the last period of a draft ends, and when Stripe would make it final by itself, if that was read."""

    period_end: datetime
    by_itself: datetime | None = None


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """What is done about a draft and why, in words; ``finalizes_at`` is when it is to become final."""

    act: HoldAct
    why: str
    finalizes_at: datetime | None = None


def plan_hold(
    draft: Draft, ending: Ending, waits_for: str | None, intents: Sequence[Intent], how: Holding, now: datetime
) -> HoldPlan:
    """What is done about a draft. ``waits_for`` is what of its periods is not delivered yet, ``None`` when all is.

    ``intents`` are those of this draft in their order. Held, it is final no earlier than it would have been.
    """
    if not draft.is_draft:
        return HoldPlan(HoldAct.WAIT, "it is final, or was deleted")
    own = own_intent(draft, intents, how)
    foreign = _who_else(draft, own, intents)
    if foreign is not None:
        return HoldPlan(HoldAct.LEAVE, foreign)
    if own is not None:
        return _of_ours(own, ending, waits_for, now)
    backstop = ending.period_end + how.longest
    if waits_for is None:
        return HoldPlan(HoldAct.WAIT, "every hour of it is delivered: Stripe makes it final as it always does")
    if backstop <= now + LET_GO_AHEAD:
        return HoldPlan(HoldAct.WAIT, f"the time to hold it is over, and it waits for {waits_for}")
    if draft.finalizes_at is not None and draft.finalizes_at >= backstop:
        return HoldPlan(HoldAct.WAIT, f"Stripe itself waits until {_at(draft.finalizes_at)}; it waits for {waits_for}")
    return HoldPlan(HoldAct.HOLD, f"it waits for {waits_for}", backstop)


def own_intent(draft: Draft, intents: Sequence[Intent], how: Holding) -> Intent | None:
    """The intent of ours that the draft bears the mark of."""
    if draft.mark is None or not draft.mark.startswith(how.marked_by):
        return None
    return next((each for each in intents if each.mark == draft.mark), None)


def open_intent(intents: Sequence[Intent], act: HoldAct, now: datetime) -> Intent | None:
    """The last intent of this kind, while it may still have its effect; another one is made instead of a later."""
    same = [each for each in intents if each.act is act]
    if not same or same[-1].is_done or same[-1].finalizes_at < now + NEAREST:
        return None
    return same[-1]


def _who_else(draft: Draft, own: Intent | None, intents: Sequence[Intent]) -> str | None:
    """Why it is not ours to reschedule; ``None`` when it is."""
    if draft.mark is not None and own is None:
        return f"another installation holds it: its metadata say {draft.mark}"
    if not draft.auto_advance:
        return "its automatic finalization is switched off: whoever did that decides when it becomes final"
    if own is not None and draft.finalizes_at != own.finalizes_at:
        return f"somebody has moved it from {_at(own.finalizes_at)} to {_at(draft.finalizes_at)}"
    if own is None and any(each.is_done for each in intents):
        return "somebody has taken our mark off its metadata"
    if own is None and draft.finalizes_at is not None and not _is_stripes_own(draft.created_at, draft.finalizes_at):
        return f"somebody has scheduled it for {_at(draft.finalizes_at)}"
    return None


def _is_stripes_own(created_at: datetime, finalizes_at: datetime) -> bool:
    hours = round((finalizes_at - created_at) / GRACE_UNIT)
    return 1 <= hours <= GRACES_MAX and abs(finalizes_at - created_at - hours * GRACE_UNIT) <= GRACE_TOLERANCE


def _of_ours(own: Intent, ending: Ending, waits_for: str | None, now: datetime) -> HoldPlan:
    if own.act is HoldAct.RELEASE:
        return HoldPlan(HoldAct.WAIT, f"it was let go, and becomes final at {_at(own.finalizes_at)}")
    if waits_for is not None:
        return HoldPlan(HoldAct.WAIT, f"it is held until {_at(own.finalizes_at)} at the latest, for {waits_for}")
    if ending.by_itself is not None and now + LET_GO_AHEAD < ending.by_itself:
        until = _at(ending.by_itself)
        return HoldPlan(HoldAct.WAIT, f"every hour of it is delivered, and Stripe itself would wait until {until}")
    if own.finalizes_at <= now + LET_GO_AHEAD:
        return HoldPlan(HoldAct.WAIT, f"every hour of it is delivered, and it is final soon: {_at(own.finalizes_at)}")
    return HoldPlan(HoldAct.RELEASE, "every hour of it is delivered, for an hour by now", _ahead(now))


def _ahead(now: datetime) -> datetime:
    """Whole seconds, as Stripe has them."""
    return now.replace(microsecond=0) + LET_GO_AHEAD


def _at(moment: datetime | None) -> str:
    return "no time" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
