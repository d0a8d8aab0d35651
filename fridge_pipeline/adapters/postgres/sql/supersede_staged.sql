update fridge.meter_events
set status = 'superseded'
from
    unnest(%(event_names)s::text[], %(tenant_ids)s::text[], %(hours)s::timestamptz[])
        as unsent (event_name, tenant_id, hour)
where
    meter_events.event_name = unsent.event_name
    and meter_events.tenant_id = unsent.tenant_id
    and meter_events.hour = unsent.hour
    and meter_events.status = 'staged';
