-- materialized: view
select
    counted_hours.landing_hour as hour,
    counted_hours.usage_table,
    counted_hours.files_hash,
    counted_hours.counted_at
from fridge.counted_hours
inner join fridge.measures on counted_hours.usage_table = measures.usage_table
where measures.is_counted
