-- materialized: view
select
    landing_hour as hour,
    usage_table,
    files_hash,
    counted_at
from fridge.counted_hours
