-- Loading and counting do not wait for Stripe; what a run leaves behind, the sweep of the next hour counts.
with usable_files as (
    select
        hour,
        max(greatest(loaded_at, withdrawn_at)) as changed_at,
        md5(string_agg(file_id::text, ',' order by file_id) filter (where not is_withdrawn)) as files_hash
    from fridge.stg_landing_files
    where inserted_count > 0
    group by hour
)

select
    usable_files.hour,
    measures.usage_table,
    usable_files.changed_at,
    counted_hours.counted_at
from usable_files
cross join fridge.measures
left join fridge.declared_measures on measures.measure = declared_measures.measure
left join fridge.stg_counted_hours as counted_hours
    on usable_files.hour = counted_hours.hour and measures.usage_table = counted_hours.usage_table
where
    measures.is_counted
    and usable_files.hour >= coalesce(declared_measures.counted_from, '-infinity')
    and usable_files.changed_at < now() - interval '2 hours'
    and usable_files.files_hash is distinct from counted_hours.files_hash
