-- Customers that imported tenants are about to get, and whose they were: by the mapping, or by what was stated.
with given as (
    select
        imported_tenants.tenant_id,
        imported_tenants.stripe_customer_id
    from imported_tenants
    left join fridge.tenants on imported_tenants.tenant_id = tenants.tenant_id
    where
        imported_tenants.stripe_customer_id is not null
        and imported_tenants.stripe_customer_id is distinct from tenants.stripe_customer_id
)

select
    given.stripe_customer_id as customer_id,
    tenants.tenant_id as before,
    given.tenant_id as after
from given
inner join fridge.tenants
    on given.stripe_customer_id = tenants.stripe_customer_id and given.tenant_id <> tenants.tenant_id
union
select
    given.stripe_customer_id as customer_id,
    meter_events.tenant_id as before,
    given.tenant_id as after
from given
inner join fridge.meter_events
    on given.stripe_customer_id = meter_events.stripe_customer_id and given.tenant_id <> meter_events.tenant_id
where meter_events.status in ('sent', 'unknown', 'accepted')
order by customer_id, before, after;
