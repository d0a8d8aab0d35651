-- materialized: view
-- A tenant has several rows of a day when it had several customers; its hours are read when those of every one were.
select
    days.tenant_id,
    days.event_name as meter,
    days.day as usage_date,
    case when bool_and(days.stripe_value is not null) then sum(days.stripe_value) end as quantity,
    min(days.read_at) as read_at,
    case when bool_and(hourly_reads.read_at is not null) then min(hourly_reads.read_at) end as hours_read_at
from fridge.stripe_reconciliation as days
left join fridge.newest_hourly_reads as hourly_reads
    on
        days.tenant_id = hourly_reads.tenant_id
        and days.event_name = hourly_reads.event_name
        and days.stripe_customer_id = hourly_reads.stripe_customer_id
        and days.day = hourly_reads.day
where days.hour is null
group by days.tenant_id, days.event_name, days.day
