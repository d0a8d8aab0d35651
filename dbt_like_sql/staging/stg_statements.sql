-- materialized: view
select
    meter_events.identifier,
    meter_events.tenant_id,
    meter_events.stripe_customer_id,
    meter_events.event_name as meter,
    meter_events.hour,
    meter_events.revision,
    meter_events.value::numeric as quantity,
    meter_events.is_difference,
    meter_events.status,
    meter_events.status = 'accepted' as is_counted_by_stripe,
    meter_events.status in ('staged', 'sent', 'unknown') as is_under_way,
    meter_events.attempts,
    meter_events.http_status,
    meter_events.request_id,
    meter_events.answer,
    meter_events.run_id,
    meter_events."timestamp" as usage_at,
    meter_events.staged_at,
    meter_events.first_sent_at,
    meter_events.settled_at,
    greatest(meter_events.settled_at, meter_event_adjustments.settled_at) as changed_at
from fridge.meter_events
left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
