select count(*)
from fridge.exceptions
where
    kind = 'month_closed'
    and closed_at is null
    and hour >= %(month_start)s
    and hour < %(month_end)s;
