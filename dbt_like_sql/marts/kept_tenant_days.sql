-- materialized: kept by day
select
    usage_date,
    tenant_id,
    meter,
    quantity,
    hours_with_usage,
    first_hour,
    last_hour,
    stated_quantity
from fridge.tenant_days_of_books
