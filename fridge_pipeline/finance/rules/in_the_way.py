"""What stands in the way of closing a month, and what to do about it."""

from __future__ import annotations

#: A signature may accept it with a reason, unlike all else that stands in the way.
UNREAD = "unread_of_month"

#: What only the tie-out tells, which takes longer than all else.
UNEXPLAINED = "unexplained_of_month"

#: What stands in the way of closing a month: the statement that finds it, each with how many there are in its last
#: column; how one is named, what it is, and what to do.
IN_THE_WAY = (
    (
        "under_way_of_month",
        "{identifier} ({status})",
        "statements are under way",
        "wait for the next hourly_billing, or run fridge bill",
    ),
    (
        "open_unexplained_of_month",
        "{tenant_id} {hour:%Y-%m-%d-%H:%M} {subject}",
        "exceptions of the kind unexplained are open",
        "see docs/runbook.md, unexplained",
    ),
    (
        UNEXPLAINED,
        "{tenant_id} {meter} {hour:%Y-%m-%d-%H:%M}: {amount} ({cause})",
        "differences of the tie-out are unexplained",
        "see fridge.tie_out_differences",
    ),
    (
        "outdated_sums_of_month",
        "{tenant_id} {event_name} {hour:%Y-%m-%d-%H:%M}",
        "hours changed in the ledger after Stripe was read for them",
        "read it again, about {reads} reads: fridge reconcile --from {first_day} --to {last_day}",
    ),
    (
        UNREAD,
        "{tenant_id} {event_name} {day}",
        "days of customers were never compared with Stripe",
        "read them: fridge reconcile --month {month}; or put on record why not: --accept-not-read REASON",
    ),
    (
        "unexplained_invoices_of_month",
        "{invoice_id} {tenant_id} {event_name}: {difference} ({cause})",
        "invoiced quantities are not the usage of their periods",
        "see fridge invoices --month {month}, and docs/runbook.md",
    ),
)
