select
    case when isfinite(bill_from) then bill_from end as first_hour,
    bill_from = '-infinity' as is_every_hour
from fridge.billing_start;
