select stripe_readbacks.*
from fridge.stripe_readbacks
inner join fridge.meter_events on stripe_readbacks.identifier = meter_events.identifier
where meter_events.hour >= %(start)s and meter_events.hour < %(end)s
order by stripe_readbacks.readback_id;
