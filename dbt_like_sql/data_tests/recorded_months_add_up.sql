with tenant_by_tenant as (
    select
        meter,
        month_billed,
        month_recorded,
        sum(quantity) as quantity
    from fridge.usage_by_service_month
    group by meter, month_billed, month_recorded
    having sum(quantity) <> 0
)

select
    coalesce(together.meter, tenant_by_tenant.meter) as meter,
    coalesce(together.month_billed, tenant_by_tenant.month_billed) as month_billed,
    coalesce(together.month_recorded, tenant_by_tenant.month_recorded) as month_recorded,
    together.quantity as together,
    tenant_by_tenant.quantity as tenant_by_tenant
from fridge.billed_and_recorded as together
full join tenant_by_tenant
    on
        together.meter = tenant_by_tenant.meter
        and together.month_billed = tenant_by_tenant.month_billed
        and coalesce(together.month_recorded, 'infinity') = coalesce(tenant_by_tenant.month_recorded, 'infinity')
where coalesce(together.quantity, 0) <> coalesce(tenant_by_tenant.quantity, 0)
