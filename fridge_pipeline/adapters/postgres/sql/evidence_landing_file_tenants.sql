select
    landing_file_tenants.file_id,
    landing_files.path,
    landing_files.landing_hour,
    landing_file_tenants.tenant_id,
    landing_file_tenants.row_count,
    landing_file_tenants.inserted_count,
    landing_file_tenants.duplicate_count,
    landing_file_tenants.rejected_count
from fridge.landing_file_tenants
inner join fridge.landing_files on landing_file_tenants.file_id = landing_files.file_id
where landing_files.landing_hour >= %(start)s and landing_files.landing_hour < %(end)s
order by landing_files.landing_hour, landing_file_tenants.tenant_id, landing_file_tenants.file_id;
