-- The newest accepted revision is the hour's total; older ones no longer count. On a meter that adds up, what was
-- accepted before goes on counting.
update fridge.meter_events as older
set status = 'superseded'
from fridge.meter_events as newer
where
    newer.identifier = any(%(identifiers)s)
    and newer.status = 'accepted'
    and older.event_name = newer.event_name
    and older.tenant_id = newer.tenant_id
    and older.hour = newer.hour
    and older.revision < newer.revision
    and (
        older.status in ('refused', 'missing')
        or (older.status = 'accepted' and not newer.is_difference)
    );
