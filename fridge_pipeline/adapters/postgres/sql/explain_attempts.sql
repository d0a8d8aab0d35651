select
    meter_event_attempts.identifier,
    meter_event_attempts.attempt,
    meter_event_attempts.outcome,
    meter_event_attempts.sent_at,
    meter_event_attempts.tries,
    meter_event_attempts.latency_seconds,
    meter_event_attempts.http_status,
    meter_event_attempts.request_id,
    meter_event_attempts.answer,
    meter_event_attempts.run_id
from fridge.meter_event_attempts
inner join fridge.meter_events on meter_event_attempts.identifier = meter_events.identifier
where meter_events.tenant_id = %(tenant_id)s and meter_events.hour = %(hour)s
order by meter_events.event_name, meter_events.revision, meter_event_attempts.attempt;
