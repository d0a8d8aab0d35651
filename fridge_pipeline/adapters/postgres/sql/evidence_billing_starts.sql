-- All of them: which of the month's hours were stated is decided by the newest, whenever it was set. Empty means never.
select
    billing_start_id,
    case when isfinite(bill_from) then bill_from end as bill_from,
    set_at
from fridge.billing_starts
order by billing_start_id;
