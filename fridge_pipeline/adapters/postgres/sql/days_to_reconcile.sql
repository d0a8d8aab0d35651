-- Days that were never read in full, whose difference may have passed, or whose statements were decided since. Hours
-- before the billing start are not ours to reconcile: they cost no reads.
with read_days as (
    select
        day,
        tenant_id,
        event_name,
        min(read_at) as read_at,
        bool_or(
            cause = any(%(passing)s)
            or (read_at is null and stripe_customer_id is not null)
        ) as is_unfinished
    from fridge.stripe_reconciliation
    where day between %(first_day)s and %(last_day)s
    group by day, tenant_id, event_name
),

booked_days as (
    select
        (hour at time zone 'UTC')::date as day,
        tenant_id,
        event_name,
        max(settled_at) as settled_at
    from fridge.meter_events
    where
        hour between %(first)s and %(last)s
        and first_sent_at is not null
        and hour >= (select billing_start.bill_from from fridge.billing_start)
        and event_name = any(%(event_names)s)
    group by day, tenant_id, event_name

    union all

    select distinct
        (measured_usage.hour at time zone 'UTC')::date as day,
        measured_usage.tenant_id,
        catalogue.event_name,
        null::timestamptz as settled_at
    from fridge.measured_usage
    inner join unnest(%(event_names)s::text[], %(measures)s::text[]) as catalogue (event_name, measure)
        on measured_usage.measure = catalogue.measure
    where
        measured_usage.hour between %(first)s and %(last)s
        and measured_usage.hour >= (select billing_start.bill_from from fridge.billing_start)
)

select day
from read_days
where is_unfinished and day >= (select (billing_start.bill_from at time zone 'UTC')::date from fridge.billing_start)

union

select booked_days.day
from booked_days
left join read_days
    on
        booked_days.day = read_days.day
        and booked_days.tenant_id = read_days.tenant_id
        and booked_days.event_name = read_days.event_name
where
    read_days.day is null
    or booked_days.settled_at > coalesce(read_days.read_at, '-infinity')
order by day;
