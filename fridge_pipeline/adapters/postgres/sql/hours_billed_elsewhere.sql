-- Hours from a moment on of which Stripe showed usage that is not ours when they were compared last.
select
    count(distinct hour) as hours,
    min(hour) as first_hour,
    max(hour) as last_hour
from fridge.stripe_reconciliation
where hour >= %(bill_from)s and cause = 'not_billed' and stripe_value > coalesce(ledger_value, 0);
