-- materialized: view
select
    invoice_id,
    stripe_customer_id,
    event_name as meter,
    period_start,
    quantity,
    amount,
    currency,
    document,
    is_written_off
from fridge.made_good
