select
    event_name,
    sum(value)::bigint as value
from fridge.meter_events
where tenant_id = %(tenant_id)s and hour = %(hour)s and status = 'accepted'
group by event_name;
