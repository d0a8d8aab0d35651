select
    tenant_id,
    hour,
    subject,
    count(*) over () as exceptions
from fridge.exceptions
where
    kind = 'unexplained'
    and closed_at is null
    and hour >= %(month_start)s
    and hour < %(month_end)s
order by hour, tenant_id, subject
limit %(shown)s;
