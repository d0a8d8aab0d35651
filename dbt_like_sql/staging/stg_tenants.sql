-- materialized: view
select
    tenant_id,
    name as tenant_name,
    stripe_customer_id
from fridge.tenants
