-- materialized: view
select
    file_id,
    hour,
    path,
    status,
    row_count,
    inserted_count,
    duplicate_count,
    rejected_count,
    is_withdrawn,
    withdrawn_at,
    withdrawn_by,
    withdrawal_reason,
    content_hash,
    run_id,
    loaded_at
from fridge.stg_landing_files
