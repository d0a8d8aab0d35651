insert into fridge.tenants as present (tenant_id, name, stripe_customer_id, created_at, updated_at)
values (%(tenant_id)s, %(name)s, %(stripe_customer_id)s, %(now)s, %(now)s)
on conflict (tenant_id) do update
    set
        name = excluded.name,
        stripe_customer_id = excluded.stripe_customer_id,
        updated_at = excluded.updated_at
    where
    (present.name, present.stripe_customer_id)
    is distinct from (excluded.name, excluded.stripe_customer_id)
returning (xmax = 0) as created;
