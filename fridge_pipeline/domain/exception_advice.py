"""What each kind of exception means and what a person does about it; docs/runbook.md has the long form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What happened, and what to do."""

    means: str
    do: str


#: Every kind that the books know; a test compares them with the database's own list.
ADVICE = {
    "unreadable_file": Advice(
        "landing files that cannot be read, or only up to a damage",
        "have the gateway deliver the file again under the same name",
    ),
    "load_failed": Advice(
        "landing folders that cannot be listed", "make the folder readable; it is tried again by itself"
    ),
    "unexpected_hour": Advice(
        "landing folders before the first hour of the grid",
        "set FRIDGE_PARTITIONS_START earlier, or bill the hour: fridge bill --from KEY --to KEY",
    ),
    "too_late": Advice(
        "usage older than the 35 days that Stripe takes", "invoice it by hand, or let it go and close the exception"
    ),
    "unmapped": Advice(
        "usage of tenants without a Stripe customer", "import the tenants with their customers: fridge tenants import"
    ),
    "refused": Advice(
        "usage that Stripe refused; the detail has its reason",
        "remove the cause (fridge stripe check; fridge tenants import), then close the exception",
    ),
    "unexplained": Advice(
        "usage of which nobody knows whether Stripe counts it",
        "wait six hours, in which most settle themselves; then fridge explain TENANT HOUR --read-stripe",
    ),
    "credit_due": Advice(
        "usage that Stripe has too much of and cannot cancel", "give the customer a credit, then close the exception"
    ),
    "held_for_review": Advice(
        "usage far above the tenant's own history, not billed",
        "fridge explain TENANT HOUR, then fridge release or fridge withdraw",
    ),
    "contradiction": Advice(
        "usage that is not what its files brought, not billed",
        "restore what was changed behind the program's back, then bill the hour again: fridge bill",
    ),
    "month_closed": Advice(
        "usage that changed after its month was closed", "fridge reopen the month, or invoice the difference"
    ),
}

UNKNOWN = Advice("exceptions of a kind that this version does not know", "read their detail in fridge.exceptions")


def advice_on(kind: str) -> Advice:
    """The advice on a kind; never nothing."""
    return ADVICE.get(kind, UNKNOWN)


def advised(kind: str) -> str:
    """What to do about a kind, and where the runbook has the whole of it."""
    section = f"#{kind}" if kind in ADVICE else ""
    return f"{advice_on(kind).do} (docs/runbook.md{section})"
