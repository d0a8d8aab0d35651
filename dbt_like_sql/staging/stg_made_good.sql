-- materialized: view
select
    invoice_id,
    stripe_customer_id,
    event_name as meter,
    period_start,
    quantity,
    amount,
    currency,
    document
from fridge.made_good
