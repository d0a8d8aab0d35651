-- materialized: view
select
    usage_month,
    is_closed,
    prepared_at,
    approved_at,
    has_hours
from fridge.stg_signed_months
