-- materialized: view
select
    usage_date,
    meter,
    sum(quantity) as quantity,
    count(*) as tenants,
    count(*) filter (where quantity is null) as tenants_not_read,
    min(read_at) as first_read_at,
    max(read_at) as last_read_at
from fridge.stg_stripe_days
group by usage_date, meter
