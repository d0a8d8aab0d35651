select
    landing_files.file_id,
    landing_files.path,
    landing_files.landing_hour,
    rejected_rows.reason,
    sum(rejected_rows.row_count)::bigint as rows_rejected
from fridge.rejected_rows
inner join fridge.landing_files on rejected_rows.file_id = landing_files.file_id
where landing_files.landing_hour >= %(start)s and landing_files.landing_hour < %(end)s
group by landing_files.file_id, landing_files.path, landing_files.landing_hour, rejected_rows.reason
order by landing_files.file_id, rejected_rows.reason;
