-- materialized: view
-- The same as signed_changes: hours of which nothing has changed since are read from what is kept of them, the others
-- one by one, as offset 0 has it.
with hours_not_kept as (
    select hours.hour
    from fridge.hours_not_kept as hours
    inner join fridge.stg_signed_months as signed_months
        on
            hours.hour >= signed_months.usage_month::timestamp at time zone 'UTC'
            and hours.hour < (signed_months.usage_month + interval '1 month') at time zone 'UTC'
)

select kept.*
from fridge.kept_signed_changes as kept
where kept.hour not in (select hours_not_kept.hour from hours_not_kept)

union all

select
    of_hour.usage_month,
    of_hour.is_closed,
    of_hour.tenant_id,
    of_hour.meter,
    hours_not_kept.hour,
    of_hour.signed_usage,
    of_hour.usage_now,
    of_hour.change_in_usage,
    of_hour.signed_stated,
    of_hour.stated_now,
    of_hour.change_in_stated,
    of_hour.signed_stripe,
    of_hour.stripe_now,
    of_hour.change_in_stripe,
    of_hour.cause,
    of_hour.detail
from hours_not_kept
cross join
    lateral (
        select signed_changes.*
        from fridge.signed_changes
        where signed_changes.hour = hours_not_kept.hour
        limit all offset 0 -- noqa: AM09
    ) as of_hour
