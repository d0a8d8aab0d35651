-- materialized: view
select
    landing_files.file_id,
    landing_files.path,
    landing_files.landing_hour as hour,
    landing_files.status,
    landing_files.row_count,
    landing_files.inserted_count,
    landing_files.duplicate_count,
    landing_files.rejected_count,
    landing_files.run_id,
    landing_files.loaded_at,
    withdrawals.file_id is not null as is_withdrawn,
    withdrawals.withdrawn_at,
    fridge.told_as(withdrawals.acted_by, withdrawals.withdrawn_by) as withdrawn_by,
    withdrawals.reason as withdrawal_reason
from fridge.landing_files
left join fridge.withdrawals on landing_files.file_id = withdrawals.file_id
