-- Hours before a given one whose usage was counted from other files than there are now.
with usable_files as (
    select
        landing_files.landing_hour,
        usage_tables.usage_table,
        md5(string_agg(landing_files.file_id::text, ',' order by landing_files.file_id)) as files_hash
    from fridge.landing_files
    cross join (values ('inserted_counts'), ('active_sensors')) as usage_tables (usage_table)
    where
        landing_files.landing_hour < %(hour)s
        and landing_files.inserted_count > 0
        and not exists (
            select 1 from fridge.withdrawals
            where withdrawals.file_id = landing_files.file_id
        )
    group by landing_files.landing_hour, usage_tables.usage_table
),

counted as (
    select
        landing_hour,
        usage_table,
        files_hash
    from fridge.counted_hours
    where landing_hour < %(hour)s
)

select distinct coalesce(usable_files.landing_hour, counted.landing_hour) as hour
from usable_files
full join counted
    on usable_files.landing_hour = counted.landing_hour and usable_files.usage_table = counted.usage_table
where usable_files.files_hash is distinct from counted.files_hash
order by hour;
