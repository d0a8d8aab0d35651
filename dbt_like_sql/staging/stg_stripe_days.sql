-- materialized: view
-- A tenant has several rows of a day when it had several customers; its hours are read when those of every one were.
-- The newest reading is looked up row by row: whoever asks for a few days, or hours, does not go through all readings;
-- and whoever does not ask for it waits for none.
select
    days.tenant_id,
    days.event_name as meter,
    days.day as usage_date,
    case when bool_and(days.stripe_value is not null) then sum(days.stripe_value) end as quantity,
    min(days.read_at) as read_at,
    nullif(
        min(
            coalesce(
                (
                    select reads.read_at
                    from fridge.stripe_day_reads as reads
                    where
                        reads.tenant_id = days.tenant_id
                        and reads.event_name = days.event_name
                        and reads.stripe_customer_id = days.stripe_customer_id
                        and reads.day = days.day
                        and reads.read_by = 'hour'
                    order by reads.read_at desc
                    limit 1
                ), '-infinity'
            )
        ), '-infinity'
    ) as hours_read_at
from fridge.stripe_reconciliation as days
where days.hour is null
group by days.tenant_id, days.event_name, days.day
