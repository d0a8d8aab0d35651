select
    action,
    signed_by,
    signed_at,
    control_totals
from fridge.month_signoffs
where month = %(month)s
order by signoff_id desc
limit 1;
