-- materialized: view
-- Hours of which nothing has changed since are added up from what is kept of them, the others from the books:
-- one by one, as offset 0 has it, where a join would add up all to find them.
with hours_not_kept as (
    select * from fridge.hours_not_kept
),

stacked as (
    select
        kept.hour,
        kept.meter,
        kept.month_recorded,
        kept.quantity
    from fridge.kept_recorded_months as kept
    where kept.hour not in (select hours_not_kept.hour from hours_not_kept)

    union all

    select
        hours_not_kept.hour,
        of_hour.meter,
        of_hour.month_recorded,
        of_hour.quantity
    from hours_not_kept
    cross join
        lateral (
            select hour_recorded_months.*
            from fridge.hour_recorded_months
            where hour_recorded_months.hour = hours_not_kept.hour
            limit all offset 0 -- noqa: AM09
        ) as of_hour
),

final as (
    select
        meter,
        date_trunc('month', hour at time zone 'UTC')::date as month_billed,
        month_recorded,
        sum(quantity)::bigint as quantity
    from stacked
    group by meter, month_billed, month_recorded
    having sum(quantity) <> 0
)

select * from final
