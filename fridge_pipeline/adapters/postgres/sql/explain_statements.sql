select
    event_name,
    revision,
    value,
    is_difference,
    status,
    identifier,
    stripe_customer_id,
    attempts,
    http_status,
    request_id,
    answer,
    staged_at,
    first_sent_at,
    settled_at,
    run_id
from fridge.meter_events
where tenant_id = %(tenant_id)s and hour = %(hour)s
order by event_name, revision;
