-- materialized: kept by hour
select
    hour,
    meter,
    month_recorded,
    quantity
from fridge.hour_recorded_months
