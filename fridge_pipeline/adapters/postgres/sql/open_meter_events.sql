-- What Stripe has yet to answer: staged ones, and sent ones whose answer was lost.
select
    identifier,
    event_name,
    tenant_id,
    stripe_customer_id,
    hour,
    revision,
    value,
    status,
    first_sent_at
from fridge.meter_events
where
    status in ('staged', 'sent', 'unknown')
    and hour between %(first)s and %(last)s
order by hour, event_name, tenant_id;
