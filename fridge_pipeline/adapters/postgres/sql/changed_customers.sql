-- Imported tenants that had another customer, or get that of another tenant.
select
    imported_tenants.line,
    imported_tenants.tenant_id,
    present.stripe_customer_id as before,
    imported_tenants.stripe_customer_id as after,
    holder.tenant_id as holder_id,
    holders_row.tenant_id is not null as holder_is_named,
    (
        present.stripe_customer_id is not null
        and imported_tenants.stripe_customer_id is null
        and successor.tenant_id is null
    ) as is_removed
from imported_tenants
left join fridge.tenants as present on imported_tenants.tenant_id = present.tenant_id
left join fridge.tenants as holder
    on
        imported_tenants.stripe_customer_id = holder.stripe_customer_id
        and imported_tenants.tenant_id <> holder.tenant_id
left join imported_tenants as holders_row on holder.tenant_id = holders_row.tenant_id
left join imported_tenants as successor on present.stripe_customer_id = successor.stripe_customer_id
where
    holder.tenant_id is not null
    or (
        present.stripe_customer_id is not null
        and present.stripe_customer_id is distinct from imported_tenants.stripe_customer_id
    )
order by imported_tenants.line, imported_tenants.tenant_id;
