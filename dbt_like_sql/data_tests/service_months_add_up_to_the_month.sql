with per_month as (
    select
        tenant_id,
        meter,
        month_billed as usage_month,
        sum(quantity) as quantity
    from fridge.usage_by_service_month
    group by tenant_id, meter, usage_month
)

select
    coalesce(per_month.tenant_id, usage_monthly.tenant_id) as tenant_id,
    coalesce(per_month.meter, usage_monthly.meter) as meter,
    coalesce(per_month.usage_month, usage_monthly.usage_month) as usage_month,
    per_month.quantity as sum_of_service_months,
    usage_monthly.quantity as month_says
from per_month
full join fridge.usage_monthly as usage_monthly
    on
        per_month.tenant_id = usage_monthly.tenant_id
        and per_month.meter = usage_monthly.meter
        and per_month.usage_month = usage_monthly.usage_month
where coalesce(per_month.quantity, 0) <> coalesce(usage_monthly.quantity, 0)
