select meter_event_attempts.*
from fridge.meter_event_attempts
inner join fridge.meter_events on meter_event_attempts.identifier = meter_events.identifier
where meter_events.hour >= %(start)s and meter_events.hour < %(end)s
order by meter_event_attempts.attempt_id;
