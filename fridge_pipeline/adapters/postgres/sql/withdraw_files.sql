-- The sweep finds the hour: it was counted from files that no longer are all usage.
insert into fridge.withdrawals (file_id, reason, withdrawn_by, withdrawn_at)
select
    file_id,
    %(reason)s,
    %(withdrawn_by)s,
    %(now)s
from fridge.landing_files
where file_id = any(%(file_ids)s);
