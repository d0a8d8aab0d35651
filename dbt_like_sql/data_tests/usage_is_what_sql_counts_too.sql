select
    tenant_id,
    meter,
    hour,
    usage_quantity,
    derived_quantity,
    coalesce(usage_quantity, 0) - derived_quantity as amount
from fridge.tie_out
where derived_quantity <> coalesce(usage_quantity, 0) and cause_in_usage is distinct from 'not_counted_yet'
