-- materialized: kept by hour
select
    hour,
    tenant_id,
    meter,
    cause,
    quantity
from fridge.owed_hours
