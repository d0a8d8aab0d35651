-- Stripe keeps one figure per customer, meter and hour: a second tenant's statement overwrites or swells the first's.
select
    stripe_customer_id,
    meter,
    hour,
    count(distinct tenant_id) as tenants
from fridge.billing_ledger
where is_counted_by_stripe and quantity <> 0
group by stripe_customer_id, meter, hour
having count(distinct tenant_id) > 1
