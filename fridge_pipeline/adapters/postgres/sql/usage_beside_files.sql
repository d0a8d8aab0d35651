-- Tenant-hours whose usage is not what the tallies of the hour's files come to. Not judged are hours that were counted
-- from other files than there are now (the sweep counts them again), and hours with a file that has no tallies.
with files as (
    select
        file_id,
        landing_hour as hour
    from fridge.landing_files
    where
        landing_hour between %(first)s and %(last)s
        and inserted_count > 0
        and not exists (
            select 1 from fridge.withdrawals
            where withdrawals.file_id = landing_files.file_id
        )
),

file_hours as (
    select
        hour,
        md5(string_agg(file_id::text, ',' order by file_id)) as files_hash
    from files
    group by hour
),

counted as (
    select
        landing_hour as hour,
        usage_table,
        files_hash
    from fridge.counted_hours
    where landing_hour between %(first)s and %(last)s
),

counted_otherwise as (
    select coalesce(file_hours.hour, counted.hour) as hour
    from file_hours
    cross join (values ('inserted_counts'), ('active_sensors')) as usage_tables (usage_table)
    full join counted on file_hours.hour = counted.hour and usage_tables.usage_table = counted.usage_table
    where file_hours.files_hash is distinct from counted.files_hash
),

without_tallies as (
    select files.hour
    from files
    where not exists (
        select 1 from fridge.landing_file_tenants
        where landing_file_tenants.file_id = files.file_id
    )
),

brought as (
    select
        files.hour,
        tallies.tenant_id,
        sum(tallies.inserted_count)::bigint as readings
    from files
    inner join fridge.landing_file_tenants as tallies on files.file_id = tallies.file_id
    where tallies.inserted_count > 0
    group by files.hour, tallies.tenant_id
),

inserted_counts as (
    select * from fridge.inserted_counts
    where hour between %(first)s and %(last)s
),

active_sensors as (
    select * from fridge.active_sensors
    where hour between %(first)s and %(last)s
),

usage as (
    select
        coalesce(inserted_counts.hour, active_sensors.hour) as hour,
        coalesce(inserted_counts.tenant_id, active_sensors.tenant_id) as tenant_id,
        inserted_counts.inserted_count,
        active_sensors.active_sensors
    from inserted_counts
    full join active_sensors
        on inserted_counts.hour = active_sensors.hour and inserted_counts.tenant_id = active_sensors.tenant_id
),

compared as (
    select
        coalesce(brought.hour, usage.hour) as hour,
        coalesce(brought.tenant_id, usage.tenant_id) as tenant_id,
        coalesce(brought.readings, 0) as brought,
        coalesce(usage.inserted_count, 0) as inserted_count,
        coalesce(usage.active_sensors, 0) as active_sensors
    from brought
    full join usage on brought.hour = usage.hour and brought.tenant_id = usage.tenant_id
)

select
    hour,
    tenant_id,
    brought,
    inserted_count,
    active_sensors
from compared
where
    hour in (select counted.hour from counted)
    and hour not in (select counted_otherwise.hour from counted_otherwise)
    and hour not in (select without_tallies.hour from without_tallies)
    and (
        inserted_count <> brought
        or active_sensors > inserted_count
        or (active_sensors = 0) <> (inserted_count = 0)
    )
order by hour, tenant_id;
