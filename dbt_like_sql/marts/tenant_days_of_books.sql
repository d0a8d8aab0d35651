-- materialized: view
-- Of each day its own hours and no others: whoever reads one day waits for one.
with days as (
    select * from fridge.stg_days
),

usage as not materialized (
    select * from fridge.stg_usage
),

statements as not materialized (
    select * from fridge.stg_statements
),

stacked as not materialized (
    select
        tenant_id,
        meter,
        hour,
        quantity,
        null::numeric as stated_quantity
    from usage

    union all

    select
        tenant_id,
        meter,
        hour,
        null as quantity,
        quantity as stated_quantity
    from statements
    where is_counted_by_stripe
),

final as (
    select
        days.usage_date,
        of_day.tenant_id,
        of_day.meter,
        of_day.quantity,
        of_day.hours_with_usage,
        of_day.first_hour,
        of_day.last_hour,
        of_day.stated_quantity
    from days
    cross join
        lateral (
            select
                stacked.tenant_id,
                stacked.meter,
                sum(stacked.quantity) as quantity,
                count(stacked.quantity) as hours_with_usage,
                min(stacked.hour) filter (where stacked.quantity is not null) as first_hour,
                max(stacked.hour) filter (where stacked.quantity is not null) as last_hour,
                sum(stacked.stated_quantity) as stated_quantity
            from stacked
            where
                stacked.hour >= days.usage_date::timestamp at time zone 'UTC'
                and stacked.hour < (days.usage_date + 1)::timestamp at time zone 'UTC'
            group by stacked.tenant_id, stacked.meter
        ) as of_day
)

select * from final
