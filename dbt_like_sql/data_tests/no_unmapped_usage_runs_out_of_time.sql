select
    tenant_id,
    meter,
    hour,
    quantity,
    days_left
from fridge.unmapped_usage
where days_left < 7
