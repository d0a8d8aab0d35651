-- materialized: view
select
    identifier,
    tenant_id,
    stripe_customer_id,
    event_name as meter,
    hour,
    revision,
    value as quantity,
    is_difference,
    status,
    status = 'accepted' as is_counted_by_stripe,
    status in ('staged', 'sent', 'unknown') as is_under_way,
    attempts,
    http_status,
    request_id,
    answer,
    run_id,
    "timestamp" as usage_at,
    staged_at,
    first_sent_at,
    settled_at
from fridge.meter_events
