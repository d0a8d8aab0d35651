-- The statements that a tenant's hour on a meter that adds up consists of, the newest first.
select
    meter_events.identifier,
    meter_events.value,
    meter_events.first_sent_at,
    coalesce(meter_event_adjustments.status = 'refused', false) as is_refused_to_cancel
from fridge.meter_events
left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
where
    meter_events.event_name = %(event_name)s
    and meter_events.tenant_id = %(tenant_id)s
    and meter_events.hour = %(hour)s
    and meter_events.status = 'accepted'
order by meter_events.revision desc;
