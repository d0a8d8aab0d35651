"""The words of the report, for codes of the books and for readers who have never seen it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fridge_pipeline.finance.rules.month_summary import MonthSummary, Verdict
from fridge_pipeline.finance.rules.outcomes import outcome_in_words

NOT_COMPARED = "not compared with Stripe yet"

#: Symbol, word and sentence of each verdict: the colour on the page only repeats them.
VERDICTS = {
    Verdict.TIES_OUT: ("✓", "Ties out", "Every hour agrees from the landing files to Stripe's own sums."),
    Verdict.EXPLAINED: ("▲", "Ties out except for what is explained", "Every difference has a cause; see below."),
    Verdict.UNEXPLAINED: ("✕", "Does not tie out", "Some differences have no explanation: the month cannot be closed."),
    Verdict.NOT_COMPARED: (
        "○",
        "Not compared with Stripe yet",
        "Stripe's own sums of these hours were not read, or not since they were sent: whether they agree is not known.",
    ),
    Verdict.PARTLY_COMPARED: (
        "○",
        "Compared with Stripe in part",
        "Of these hours none is unexplained. The others are not compared with Stripe yet.",
    ),
    Verdict.NO_DATA: ("○", "No data", "The books hold nothing of this month. That is not a usage of zero."),
}

#: Instead of the verdict of a month of which there is nothing to compare.
NOTHING_STATED = (
    "Nothing of it was stated to Stripe",
    "None of this usage was sent to Stripe, and Stripe's own sums of these hours were not read.",
)

MONTH_STATES = {
    "open": "Open: nobody has prepared the month for closing.",
    "prepared": "Prepared: control totals are written down, a second person has to approve.",
    "closed": "Closed: two people have signed, the database refuses changes.",
}

#: Symbol and word of the tie-out status of an hour.
HOUR_STATES = {
    "tied": ("✓", "ties out"),
    "explained": ("▲", "explained"),
    "unexplained": ("✕", "unexplained"),
    "not_read": ("○", NOT_COMPARED),
}

#: What somebody has signed about a month.
ACTIONS = {
    "prepare": "prepared",
    "approve": "approved: closed",
    "ask_to_reopen": "asked for its reopening",
    "reopen": "reopened",
}

STEPS = {
    "files": ("Landing files", "rows in files = inserted + duplicates + rejected"),
    "usage": ("Usage", "usage derived again from the stored readings = usage"),
    "ledger": ("Statements", "usage = newest statement to Stripe"),
    "stripe": ("Stripe", "newest statement = Stripe's own sum"),
}

#: What a meter's sums are of, where its name alone does not say it.
UNITS = {"active_sensors": "sensor-hours"}

#: What a reader needs to know, in plain words.
HOW_TO_READ = (
    ("Landing file", "A batch of raw readings as a gateway delivered it. Every number here begins in one."),
    ("Inserted", "A reading stored for the first time. Only these are usage: delivered twice, a reading counts once."),
    ("Duplicate, rejected", "A reading that was stored already; a row that is not a valid reading. Neither is billed."),
    ("Hour", "Usage is counted by the UTC hour in which a file arrived. A month has the hours that begin in it."),
    (
        "Billed",
        "Stripe counts it, or somebody has invoiced it by hand. Invoices may carry less than Stripe counts.",
    ),
    (
        "Meter",
        "What is billed by: readings, sensor-hours, or what was declared. Quantities of two meters are never added.",
    ),
    (
        "Sensor-hours",
        "active_sensors counts a sensor once in each hour with a reading of it; a month is the sum of its hours.",
    ),
    ("Late", "A reading recorded before the hour in which it arrived. It is billed in the hour of its arrival."),
    (
        "Recorded in, service month",
        "The month in which a sensor measured, whenever it arrived; a sensor-hour is of that of its newest reading.",
    ),
    ("Units owed", "Usage less what Stripe has, of usage that waits, in units of its meter."),
    (
        "Statement",
        "What was sent to Stripe of an hour's usage. A correction is a new revision; nothing is overwritten.",
    ),
    ("Derived again", "Usage counted a second time from the stored readings, in another way. Both must agree."),
    ("Stripe's own", "What Stripe's sums showed when they were last read. Not read is not zero."),
    (
        "Tie-out",
        "Files, usage, statement and Stripe side by side, hour by hour. A difference has a cause and an amount.",
    ),
    ("Explained", "A difference whose cause is known: an open exception, or one that ends by itself."),
    ("Unexplained", "A difference without a cause. While there is one, the month cannot be closed."),
    ("Nothing on record", "A blank, or a word such as not read: the number is not known. It is never shown as 0."),
)


def outcome_lines(summary: MonthSummary) -> list[tuple[str, str]]:
    """Meter and what has become of its usage, in units and percent, by cause; and what is wrong on its invoices."""
    outcomes = {meter: outcome_in_words(outcome) for meter, outcome in summary.outcomes.items()}
    return [
        (meter, "; ".join(each[meter] for each in (outcomes, summary.invoices) if meter in each))
        for meter in sorted({*outcomes, *summary.invoices})
    ]


def verdict_in_words(summary: MonthSummary) -> tuple[str, str, str]:
    """Symbol, word and sentence; what was compared in part says how much of it."""
    symbol, word, sentence = VERDICTS[summary.verdict]
    if summary.verdict is Verdict.NOT_COMPARED and all(meter["stated"] is None for meter in summary.meters):
        word, sentence = NOTHING_STATED
    if summary.verdict is Verdict.PARTLY_COMPARED:
        word = compared_in_words(*summary.compared)
    return symbol, word, sentence


def compared_in_words(compared: int, hours: int) -> str:
    """How much of some hours was compared with Stripe's own sums."""
    return f"{compared:,} of {hours:,} hours compared with Stripe" if compared or not hours else NOT_COMPARED


def meter_in_words(meter: str) -> str:
    """A meter with what its sums are of."""
    return f"{meter} ({UNITS[meter]})" if meter in UNITS else meter


def step_in_words(code: str) -> str:
    """The step of the tie-out in which a difference was found."""
    return STEPS[code][0] if code in STEPS else code


def action_in_words(code: str) -> str:
    """What somebody has signed about a month."""
    return ACTIONS.get(code, code)


def hour_state_in_words(code: str) -> str:
    """The tie-out status of an hour, with its symbol."""
    return " ".join(HOUR_STATES.get(code, ("", code))).strip()


def standing(hours: int, different: int, unexplained: int, not_read: int) -> tuple[str, str]:
    """How several hours stand together: the status of the worst, and all of it in words with a symbol."""
    status = "unexplained" if unexplained else "explained" if different else "not_read" if not_read else "tied"
    parts = [f"differs, {status}" if different or unexplained else "all hours tie out"] if status != "not_read" else []
    parts += [compared_in_words(hours - not_read, hours)] if not_read else []
    return status, f"{HOUR_STATES[status][0]} {'; '.join(parts)}"


def step_standing(step: Mapping[str, Any], hours: int) -> tuple[str, str]:
    """How one comparison of the tie-out stands over all hours; only the last one is with Stripe."""
    if step["step"] == "stripe":
        return standing(hours, step["different"], step["unexplained"], step["unknown"])
    if step["unknown"] and not step["different"]:
        return "not_read", f"{HOUR_STATES['not_read'][0]} not known for some hours"
    return standing(hours, step["different"], step["unexplained"], 0)
