-- name: say_reason
-- For the history of tenants, which is written when the transaction ends.
select set_config('fridge.reason', %(reason)s, true) as reason;

-- name: create_imported_tenants
create temporary table imported_tenants (
    line integer,
    tenant_id text primary key,
    name text,
    stripe_customer_id text unique
);

-- name: copy_imported_tenants
copy pg_temp.imported_tenants (line, tenant_id, name, stripe_customer_id) from stdin;

-- name: lock_tenants
-- An import is judged by the tenants that there are; another one waits.
lock table fridge.tenants in share row exclusive mode;

-- name: changed_customers
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

-- name: handed_on_customers
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

-- name: count_imported_tenants
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

-- name: clear_changed_customers
-- A customer must be free before another tenant gets it: it is unique after every row, not only after the statement.
update fridge.tenants
set stripe_customer_id = null, updated_at = %(now)s
from imported_tenants
where
    tenants.tenant_id = imported_tenants.tenant_id
    and tenants.stripe_customer_id is distinct from imported_tenants.stripe_customer_id
    and tenants.stripe_customer_id is not null;

-- name: upsert_tenants
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

-- name: drop_imported_tenants
drop table imported_tenants;
