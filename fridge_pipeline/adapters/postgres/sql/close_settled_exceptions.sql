-- A difference is over once Stripe has the hour's usage, whatever had stood in the way.
update fridge.exceptions
set closed_at = %(now)s
from fridge.meter_events
where
    exceptions.closed_at is null
    and exceptions.tenant_id = meter_events.tenant_id
    and exceptions.hour = meter_events.hour
    and meter_events.identifier = any(%(identifiers)s)
    and meter_events.status = 'accepted'
    and (
        (
            exceptions.kind in (
                select exception_kinds.kind
                from fridge.exception_kinds
                where exception_kinds.waits and exception_kinds.subject = 'meter'
            )
            and exceptions.subject = meter_events.event_name
        )
        or (
            exceptions.kind in ('refused', 'unexplained')
            and exceptions.subject in (
                select older.identifier
                from fridge.meter_events as older
                where
                    older.event_name = meter_events.event_name
                    and older.tenant_id = meter_events.tenant_id
                    and older.hour = meter_events.hour
            )
        )
    );
