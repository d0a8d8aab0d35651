-- What stands in the exceptions as unexplained waits for a person, or for its next reading, not for this push.
with undecided as (
    select
        hour,
        event_name,
        identifier as subject
    from fridge.meter_events
    where hour between %(first)s and %(last)s and status in ('staged', 'sent', 'unknown')

    union all

    select
        meter_events.hour,
        meter_events.event_name,
        'cancel:' || meter_events.identifier as subject
    from fridge.meter_event_adjustments
    inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
    where
        meter_events.hour between %(first)s and %(last)s
        and meter_event_adjustments.status in ('staged', 'sent', 'unknown')
),

waiting as (
    select
        hour,
        event_name,
        count(*) as undelivered
    from undecided
    where
        not exists (
            select 1 from fridge.exceptions
            where
                exceptions.kind = 'unexplained'
                and exceptions.subject = undecided.subject
                and exceptions.closed_at is null
        )
    group by hour, event_name
),

stated as (
    select
        hour,
        event_name,
        count(*) filter (where status = 'accepted') as accepted,
        coalesce(sum(value) filter (where status = 'accepted'), 0)::bigint as accepted_value,
        extract(epoch from max(settled_at - first_sent_at) filter (where status = 'accepted')) as delivery_seconds,
        extract(
            epoch from max(settled_at) filter (where status = 'accepted' and revision = 1)
            - (hour + interval '1 hour')
        ) as seconds_after_hour
    from fridge.meter_events
    where hour between %(first)s and %(last)s
    group by hour, event_name
)

select
    stated.hour,
    stated.event_name,
    coalesce(waiting.undelivered, 0) as undelivered,
    stated.accepted,
    stated.accepted_value,
    stated.delivery_seconds::float8 as delivery_seconds,
    stated.seconds_after_hour::float8 as seconds_after_hour
from stated
left join waiting on stated.hour = waiting.hour and stated.event_name = waiting.event_name
order by stated.hour, stated.event_name;
