select sum(value)::bigint as stated
from fridge.meter_events
where
    event_name = %(event_name)s
    and tenant_id = %(tenant_id)s
    and hour = %(hour)s
    and status = 'accepted';
