-- The first rejected rows of one tenant in each file of a landing hour. The tally says in which files there are any.
select
    rejected.file_id,
    landing_files.path,
    rejected.line,
    rejected.reason,
    rejected.raw
from fridge.landing_files
inner join fridge.landing_file_tenants
    on
        landing_files.file_id = landing_file_tenants.file_id
        and landing_file_tenants.tenant_id = %(tenant_id)s
        and landing_file_tenants.rejected_count > 0
cross join
    lateral (
        select
            rejected_readings.file_id,
            rejected_readings.line,
            rejected_readings.reason,
            rejected_readings.raw
        from fridge.rejected_readings
        where
            rejected_readings.path = landing_files.path
            and rejected_readings.file_id = landing_files.file_id
            and rejected_readings.tenant_id = %(tenant_id)s
        order by rejected_readings.line
        limit %(rejected_max)s
    ) as rejected
where landing_files.landing_hour = %(hour)s
order by landing_files.path, landing_files.file_id, rejected.line
limit %(rejected_max_in_all)s;
