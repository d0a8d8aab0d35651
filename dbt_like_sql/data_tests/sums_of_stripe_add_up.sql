-- Of a day that was read by the day since, nothing can be said: its hours are as old as they say.
with hours as (
    select
        tenant_id,
        event_name,
        stripe_customer_id,
        (hour at time zone 'UTC')::date as day,
        sum(quantity) as quantity
    from fridge.newest_stripe_sums
    group by tenant_id, event_name, stripe_customer_id, (hour at time zone 'UTC')::date
)

select
    hourly_reads.tenant_id,
    hourly_reads.event_name as meter,
    hourly_reads.stripe_customer_id,
    hourly_reads.day as usage_date,
    coalesce(hours.quantity, 0) as hours_quantity,
    hourly_reads.quantity as day_quantity,
    reconciled.stripe_value as reconciled_quantity
from fridge.newest_hourly_reads as hourly_reads
left join hours
    on
        hourly_reads.tenant_id = hours.tenant_id
        and hourly_reads.event_name = hours.event_name
        and hourly_reads.stripe_customer_id = hours.stripe_customer_id
        and hourly_reads.day = hours.day
left join fridge.stripe_reconciliation as reconciled
    on
        hourly_reads.tenant_id = reconciled.tenant_id
        and hourly_reads.event_name = reconciled.event_name
        and hourly_reads.stripe_customer_id = reconciled.stripe_customer_id
        and hourly_reads.day = reconciled.day
        and hourly_reads.read_at = reconciled.read_at
        and reconciled.hour is null
where
    coalesce(hours.quantity, 0) <> hourly_reads.quantity
    or reconciled.stripe_value <> hourly_reads.quantity
