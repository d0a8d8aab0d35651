-- Every content that was loaded under a path, and whether it is withdrawn.
with contents as (
    select
        file_id,
        landing_hour,
        inserted_count,
        duplicate_count,
        rejected_count
    from fridge.landing_files
    where path = %(path)s
)

select
    contents.file_id,
    contents.landing_hour,
    contents.inserted_count,
    contents.duplicate_count,
    contents.rejected_count,
    withdrawals.withdrawn_at,
    withdrawals.withdrawn_by,
    withdrawals.reason
from contents
left join fridge.withdrawals on contents.file_id = withdrawals.file_id
order by contents.file_id;
