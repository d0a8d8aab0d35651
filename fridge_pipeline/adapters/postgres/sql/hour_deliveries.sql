-- A statement that stands in the exceptions as unexplained waits for a person, not for Stripe.
select
    hour,
    event_name,
    count(*) filter (
        where status in ('staged', 'sent', 'unknown')
        and not exists (
            select 1 from fridge.exceptions
            where
                exceptions.kind = 'unexplained'
                and exceptions.subject = meter_events.identifier
                and exceptions.closed_at is null
        )
    ) as undelivered,
    count(*) filter (where status = 'accepted') as accepted,
    coalesce(sum(value) filter (where status = 'accepted'), 0)::bigint as accepted_value
from fridge.meter_events
where hour between %(first)s and %(last)s
group by hour, event_name
order by hour, event_name;
