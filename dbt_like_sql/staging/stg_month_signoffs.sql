-- materialized: view
select
    signoff_id,
    month as usage_month,
    action,
    signed_by,
    reason,
    control_totals,
    signed_at
from fridge.month_signoffs
