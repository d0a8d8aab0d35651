select
    withdrawals.file_id,
    landing_files.path,
    landing_files.landing_hour,
    landing_files.inserted_count,
    withdrawals.reason,
    withdrawals.withdrawn_by,
    withdrawals.withdrawn_at
from fridge.withdrawals
inner join fridge.landing_files on withdrawals.file_id = landing_files.file_id
where landing_files.landing_hour >= %(start)s and landing_files.landing_hour < %(end)s
order by withdrawals.file_id;
