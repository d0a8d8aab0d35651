select
    tenant_id,
    meter,
    hour,
    count(*) as statements
from fridge.billing_ledger
where is_counted_by_stripe and not is_difference
group by tenant_id, meter, hour
having count(*) > 1
