-- materialized: view
-- Days of which nothing has changed since are read from what is kept of them, the others from the books:
-- one by one, as offset 0 has it, where a join would add up all to find them.
with days_not_kept as (
    select distinct (hour at time zone 'UTC')::date as usage_date
    from fridge.hours_not_kept
),

final as (
    select
        kept.usage_date,
        kept.tenant_id,
        kept.meter,
        kept.quantity,
        kept.hours_with_usage,
        kept.first_hour,
        kept.last_hour,
        kept.stated_quantity
    from fridge.kept_tenant_days as kept
    where kept.usage_date not in (select days_not_kept.usage_date from days_not_kept)

    union all

    select
        days_not_kept.usage_date,
        of_day.tenant_id,
        of_day.meter,
        of_day.quantity,
        of_day.hours_with_usage,
        of_day.first_hour,
        of_day.last_hour,
        of_day.stated_quantity
    from days_not_kept
    cross join
        lateral (
            select tenant_days_of_books.*
            from fridge.tenant_days_of_books
            where tenant_days_of_books.usage_date = days_not_kept.usage_date
            limit all offset 0 -- noqa: AM09
        ) as of_day
)

select * from final
