with outcomes as (
    select
        usage_month,
        meter,
        sum(quantity) as quantity
    from fridge.month_outcome
    group by usage_month, meter
),

usage as (
    select
        date_trunc('month', hour at time zone 'UTC')::date as usage_month,
        meter,
        sum(quantity) as quantity
    from fridge.stg_usage
    group by usage_month, meter
)

select
    coalesce(outcomes.usage_month, usage.usage_month) as usage_month,
    coalesce(outcomes.meter, usage.meter) as meter,
    outcomes.quantity as sum_of_outcomes,
    usage.quantity as usage
from outcomes
full join usage on outcomes.usage_month = usage.usage_month and outcomes.meter = usage.meter
where coalesce(outcomes.quantity, 0) <> coalesce(usage.quantity, 0)
