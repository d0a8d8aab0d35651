-- materialized: view
with outcomes as (
    select * from fridge.outcomes_of_hours
),

summed as (
    select
        date_trunc('month', hour at time zone 'UTC')::date as usage_month,
        meter,
        outcome,
        cause,
        sum(quantity) as quantity
    from outcomes
    group by usage_month, meter, outcome, cause
),

final as (
    select
        usage_month,
        meter,
        outcome,
        cause,
        quantity,
        round(
            100 * quantity / nullif(sum(quantity) over (partition by usage_month, meter), 0), 1
        ) as percent
    from summed
)

select * from final
