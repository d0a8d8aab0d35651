-- materialized: view
-- Rows whose tenant nobody could read are in no tenant's hour; they stand in the files' own counts.
select
    landing_files.file_id,
    landing_files.hour,
    landing_files.is_withdrawn,
    landing_file_tenants.tenant_id,
    landing_file_tenants.row_count,
    landing_file_tenants.inserted_count,
    landing_file_tenants.duplicate_count,
    landing_file_tenants.rejected_count
from fridge.stg_landing_files as landing_files
inner join fridge.landing_file_tenants on landing_files.file_id = landing_file_tenants.file_id
