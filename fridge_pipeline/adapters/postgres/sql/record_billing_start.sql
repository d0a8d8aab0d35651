insert into fridge.billing_starts (bill_from, set_at)
select
    %(bill_from)s::timestamptz,
    %(now)s
from fridge.billing_start
where billing_start.bill_from <> %(bill_from)s::timestamptz
returning billing_start_id;
