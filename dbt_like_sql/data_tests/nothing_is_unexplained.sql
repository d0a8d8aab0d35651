select
    tenant_id,
    meter,
    hour,
    step,
    cause,
    amount
from fridge.tie_out_differences
where not is_explained
