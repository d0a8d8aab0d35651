-- materialized: view
-- What Stripe answered, of all the tenant's customers; an hour that was read and is not here is one of nothing.
select
    sums.tenant_id,
    sums.event_name as meter,
    sums.hour,
    sum(sums.quantity) as quantity
from fridge.newest_stripe_sums as sums
where sums.quantity <> 0
group by sums.tenant_id, sums.event_name, sums.hour
