-- materialized: view
select
    invoice_id,
    line_id,
    line_number,
    event_name as meter,
    price_id,
    period_start,
    period_end,
    quantity,
    amount,
    is_invoice_item,
    is_proration
from fridge.invoice_lines
