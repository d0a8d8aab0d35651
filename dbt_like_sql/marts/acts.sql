-- materialized: view
select
    act_id,
    acted_at,
    act,
    subject,
    tenant_id,
    hour,
    detail,
    acted_by,
    os_user,
    os_host
from fridge.stg_acts
