insert into fridge.tenants as present (tenant_id, name, stripe_customer_id, created_at, updated_at)
select
    tenant_id,
    name,
    stripe_customer_id,
    %(now)s as created_at,
    %(now)s as updated_at
from imported_tenants
on conflict (tenant_id) do update
    set
        name = excluded.name,
        stripe_customer_id = excluded.stripe_customer_id,
        updated_at = excluded.updated_at
    where
    (present.name, present.stripe_customer_id)
    is distinct from (excluded.name, excluded.stripe_customer_id);
