-- The differences of a month that nobody has explained: the first few, each with how many there are.
select
    tenant_id,
    meter,
    hour,
    cause,
    amount,
    count(*) over () as differences
from fridge.tie_out
where
    hour >= %(month_start)s
    and hour < %(month_end)s
    and status = 'unexplained'
order by hour, tenant_id, meter
limit %(shown)s;
