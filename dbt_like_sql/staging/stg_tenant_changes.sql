-- materialized: view
select
    change_id,
    tenant_id,
    name as tenant_name,
    stripe_customer_id,
    reason,
    acted_by,
    acted_at,
    os_user,
    os_host
from fridge.tenant_changes
