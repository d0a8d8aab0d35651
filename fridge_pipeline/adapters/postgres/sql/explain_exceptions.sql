select
    kind,
    subject,
    detail,
    opened_at,
    closed_at
from fridge.exceptions
where hour = %(hour)s and (tenant_id = %(tenant_id)s or tenant_id is null)
order by opened_at;
