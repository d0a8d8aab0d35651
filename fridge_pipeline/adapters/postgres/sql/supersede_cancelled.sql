-- A cancelled statement no longer counts.
update fridge.meter_events
set status = 'superseded'
from fridge.meter_event_adjustments
where
    meter_events.identifier = any(%(identifiers)s)
    and meter_events.identifier = meter_event_adjustments.identifier
    and meter_event_adjustments.status = 'accepted'
    and meter_events.status = 'accepted';
