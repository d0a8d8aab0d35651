-- Per tenant and meter a row a day, and after them the row of the total.
with hours as (
    select
        tie_out.tenant_id,
        tenants.name as tenant_name,
        tie_out.meter,
        (tie_out.hour at time zone 'UTC')::date as usage_day,
        tie_out.usage_quantity,
        tie_out.stated_quantity,
        tie_out.stripe_quantity
    from fridge.tie_out
    left join fridge.tenants on tie_out.tenant_id = tenants.tenant_id
    where tie_out.hour >= %(start)s and tie_out.hour < %(end)s
)

select
    tenant_id,
    tenant_name,
    meter,
    coalesce(usage_day::text, 'total') as day,
    sum(usage_quantity) as usage,
    sum(stated_quantity) as stated,
    sum(stripe_quantity) as stripe,
    count(usage_quantity) as hours_with_usage,
    count(*) filter (where stripe_quantity is null) as hours_not_read
from hours
group by grouping sets ((tenant_id, tenant_name, meter, usage_day), (tenant_id, tenant_name, meter))
order by tenant_id, meter, usage_day nulls last;
