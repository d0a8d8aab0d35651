-- materialized: view
select
    tenant_id,
    tenant_name,
    stripe_customer_id
from fridge.stg_tenants
