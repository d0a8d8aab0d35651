select
    tenant_id,
    hour,
    subject,
    opened_at
from fridge.exceptions
where kind = %(kind)s and closed_at is null;
