select sent_at
from fridge.meter_event_attempts
order by attempt_id desc
limit 1;
