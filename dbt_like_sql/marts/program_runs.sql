-- materialized: view
select
    run_id,
    program_version,
    source_sha256,
    started_at,
    launched_by,
    acted_by,
    os_user,
    os_host
from fridge.stg_runs
