-- materialized: view
select
    release_id,
    tenant_id,
    hour,
    event_name as meter,
    value as quantity,
    released_by,
    reason,
    released_at
from fridge.releases
