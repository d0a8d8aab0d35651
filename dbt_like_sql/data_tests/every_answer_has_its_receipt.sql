select
    identifier,
    tenant_id,
    meter,
    hour,
    status,
    first_sent_at
from fridge.billing_ledger
where status in ('sent', 'unknown') and first_sent_at < now() - interval '1 hour'
