-- materialized: view
-- Nothing beside the quantity: whoever adds up months of all tenants reads nothing else.
select
    tenant_id,
    meter,
    hour,
    quantity
from fridge.stg_usage
