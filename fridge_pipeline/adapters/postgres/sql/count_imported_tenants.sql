select
    count(*) filter (where tenants.tenant_id is null) as created,
    count(*) filter (
        where
        tenants.tenant_id is not null
        and (tenants.name, tenants.stripe_customer_id)
        is distinct from (imported_tenants.name, imported_tenants.stripe_customer_id)
    ) as updated,
    count(*) filter (
        where
        tenants.tenant_id is not null
        and (tenants.name, tenants.stripe_customer_id)
        is not distinct from (imported_tenants.name, imported_tenants.stripe_customer_id)
    ) as unchanged
from imported_tenants
left join fridge.tenants on imported_tenants.tenant_id = tenants.tenant_id;
