-- materialized: view
select
    decision_id,
    subject,
    setting,
    reason,
    acted_by,
    acted_at,
    os_user,
    os_host
from fridge.decisions
