-- materialized: kept by day
select
    days.usage_date,
    of_day.tenant_id,
    of_day.meter,
    of_day.quantity,
    of_day.hours_with_usage,
    of_day.first_hour,
    of_day.last_hour,
    of_day.stated_quantity
from fridge.stg_days as days
cross join lateral fridge.usage_of_day(days.usage_date) as of_day
