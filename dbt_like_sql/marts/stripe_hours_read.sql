-- materialized: view
with stripe_days as (
    select * from fridge.stg_stripe_days
    where hours_read_at is not null
),

stripe_hours as (
    select * from fridge.stg_stripe_hours
),

hours_of_days as (
    select
        stripe_days.tenant_id,
        stripe_days.meter,
        stripe_days.usage_date::timestamp at time zone 'UTC' + make_interval(hours => of_day.number) as hour,
        stripe_days.hours_read_at as read_at
    from stripe_days
    cross join generate_series(0, 23) as of_day (number)
),

final as (
    select
        hours_of_days.tenant_id,
        hours_of_days.meter,
        hours_of_days.hour,
        coalesce(stripe_hours.quantity, 0) as quantity,
        hours_of_days.read_at
    from hours_of_days
    left join stripe_hours
        on
            hours_of_days.tenant_id = stripe_hours.tenant_id
            and hours_of_days.meter = stripe_hours.meter
            and hours_of_days.hour = stripe_hours.hour
)

select * from final
