"""Stripe's limits, each with its source, and the margins we keep to them.

Source, unless a line says otherwise: docs.stripe.com/api/billing/meter-event/create.
"""

from __future__ import annotations

from datetime import timedelta

#: "within the past 35 calendar days": older events are refused with HTTP 400.
OLDEST_TIMESTAMP = timedelta(days=35)

#: Kept to the 35 days, so that an event staged in time is not too late when its turn comes to be sent.
TOO_LATE_MARGIN = timedelta(minutes=15)

#: An identifier is unique "within a rolling period of at least 24 hours"; a later resend may count twice.
IDENTIFIER_MEMORY = timedelta(hours=24)

#: The same identifier is resent only this long after its first attempt: four hours short of Stripe's memory,
#: which covers a slow request, a paused machine and a clock that is off.
RESEND_WINDOW = IDENTIFIER_MEMORY - timedelta(hours=4)

#: So far our clock and Stripe's, or our own before and after it was set, are taken to be apart. What was sent further
#: ahead of now was sent by a wrong clock, and nobody knows how long ago.
CLOCKS_APART = timedelta(minutes=5)

#: An event can be cancelled for 24 hours after Stripe received it
#: (docs.stripe.com/api/billing/meter-event-adjustment/create); the same four hours short of it.
CANCEL_WINDOW = timedelta(hours=20)

#: Summaries are "eventually consistent" and Stripe names no lag (docs.stripe.com/api/billing/meter-event-summary).
#: Others have seen minutes; its reporting lags three hours (docs.stripe.com/data/data-freshness). Twice that: what
#: two readings so far apart both lack, Stripe does not have.
SUMMARY_SETTLE = timedelta(hours=6)

#: Longest identifier, and longest ``Idempotency-Key`` we use (Stripe takes 255 there).
IDENTIFIER_LENGTH_MAX = 100

#: The most that a meter event may say: 15 digits
#: (docs.stripe.com/changelog/dahlia/2026-04-22/billing-meter-event-values-validation).
VALUE_MAX = 999_999_999_999_999

#: Calls per second (docs.stripe.com/rate-limits): meter events with a live key; anything with a test key.
LIVE_CALLS_PER_SECOND = 1000
TEST_CALLS_PER_SECOND = 25
#: The sandbox models the live limit, so that a rehearsal on it is worth something.
SANDBOX_CALLS_PER_SECOND = 1000

#: Reads that a rolling month holds at least: 500 for each transaction, and never fewer than 10,000
#: (docs.stripe.com/rate-limits). Kept a tenth below: meters and what is read back are not counted.
READS_MONTH = timedelta(days=30)
READS_MAX = 9_000

#: Largest page of a list (docs.stripe.com/api/pagination), of summaries as of anything else.
PAGE_SIZE = 100
