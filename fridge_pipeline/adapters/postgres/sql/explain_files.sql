-- The files of a landing hour, with what each stored for one tenant.
with stored as (
    select
        readings.file_id,
        count(*) as tenant_inserted_count,
        count(distinct readings.sensor_id) as tenant_sensors
    from fridge.readings
    where readings.tenant_id = %(tenant_id)s and readings.landing_hour = %(hour)s
    group by readings.file_id
)

select
    landing_files.path,
    landing_files.status,
    landing_files.row_count,
    landing_files.inserted_count,
    landing_files.duplicate_count,
    landing_files.rejected_count,
    coalesce(stored.tenant_inserted_count, 0) as tenant_inserted_count,
    coalesce(stored.tenant_sensors, 0) as tenant_sensors,
    landing_files.content_hash,
    landing_files.run_id,
    landing_files.loaded_at,
    withdrawals.withdrawn_at,
    withdrawals.withdrawn_by,
    withdrawals.reason as withdrawal_reason
from fridge.landing_files
left join stored on landing_files.file_id = stored.file_id
left join fridge.withdrawals on landing_files.file_id = withdrawals.file_id
where landing_files.landing_hour = %(hour)s
order by landing_files.path, landing_files.file_id;
