-- materialized: view
select
    proposal_id,
    invoice_id,
    stripe_customer_id,
    event_name as meter,
    period_start,
    delta,
    amount,
    currency,
    document
from fridge.corrections
where state = 'written'
