-- materialized: view
select
    landing_hour as hour,
    usage_table,
    counted_at
from fridge.counted_hours
