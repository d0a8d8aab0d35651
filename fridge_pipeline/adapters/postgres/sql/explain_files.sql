-- The files of a landing hour, with what became of one tenant's rows in each: as it was recorded when the file was
-- loaded, and what is stored of it now. A file with rows of which no tenant is on record was loaded before they were
-- recorded: its counts by tenant are empty.
with stored as (
    select
        readings.file_id,
        count(*) as tenant_stored_count,
        count(distinct readings.sensor_id) as tenant_sensors
    from fridge.readings
    where readings.tenant_id = %(tenant_id)s and readings.landing_hour = %(hour)s
    group by readings.file_id
),

files as (
    select
        landing_files.*,
        landing_files.row_count = 0 or exists (
            select 1 from fridge.landing_file_tenants
            where landing_file_tenants.file_id = landing_files.file_id
        ) as is_recorded
    from fridge.landing_files
    where landing_files.landing_hour = %(hour)s
)

select
    files.file_id,
    files.path,
    files.status,
    files.row_count,
    files.inserted_count,
    files.duplicate_count,
    files.rejected_count,
    files.is_recorded as tenant_is_recorded,
    case when files.is_recorded then coalesce(own.row_count, 0) end as tenant_row_count,
    case
        when files.is_recorded then coalesce(own.inserted_count, 0) else coalesce(stored.tenant_stored_count, 0)
    end as tenant_inserted_count,
    case when files.is_recorded then coalesce(own.duplicate_count, 0) end as tenant_duplicate_count,
    case when files.is_recorded then coalesce(own.rejected_count, 0) end as tenant_rejected_count,
    case when files.is_recorded then coalesce(nobodys.row_count, 0) end as unknown_tenant_count,
    coalesce(stored.tenant_stored_count, 0) as tenant_stored_count,
    coalesce(stored.tenant_sensors, 0) as tenant_sensors,
    files.content_hash,
    files.run_id,
    files.loaded_at,
    withdrawals.withdrawn_at,
    withdrawals.withdrawn_by,
    withdrawals.reason as withdrawal_reason
from files
left join stored on files.file_id = stored.file_id
left join fridge.landing_file_tenants as own
    on files.file_id = own.file_id and own.tenant_id = %(tenant_id)s
left join fridge.landing_file_tenants as nobodys
    on files.file_id = nobodys.file_id and nobodys.tenant_id is null
left join fridge.withdrawals on files.file_id = withdrawals.file_id
order by files.path, files.file_id;
