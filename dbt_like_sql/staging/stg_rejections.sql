-- materialized: view
select
    file_id,
    reason,
    sum(row_count)::bigint as rejected_rows
from fridge.rejected_rows
group by file_id, reason
