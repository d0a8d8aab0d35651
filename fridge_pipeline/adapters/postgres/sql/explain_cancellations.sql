select
    meter_event_adjustments.identifier,
    meter_event_adjustments.status,
    meter_event_adjustments.staged_at,
    meter_event_adjustments.first_sent_at,
    meter_event_adjustments.settled_at,
    meter_event_adjustments.attempts,
    meter_event_adjustments.http_status,
    meter_event_adjustments.request_id,
    meter_event_adjustments.answer,
    meter_event_adjustments.run_id
from fridge.meter_event_adjustments
inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
where meter_events.tenant_id = %(tenant_id)s and meter_events.hour = %(hour)s
order by meter_events.event_name, meter_events.revision;
