-- materialized: view
select
    signoff_id,
    month as usage_month,
    action,
    fridge.told_as(acted_by, signed_by) as signed_by,
    reason,
    control_totals,
    signed_at,
    acted_by,
    acted_at,
    os_user,
    os_host
from fridge.month_signoffs
