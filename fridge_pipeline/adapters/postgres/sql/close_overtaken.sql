-- Of what can keep a tenant, meter and hour from being stated, one thing does at a time: what was said before is over.
-- A refusal is about a statement, everything else about a meter.
update fridge.exceptions
set closed_at = %(now)s
from
    unnest(
        %(event_names)s::text[], %(tenant_ids)s::text[], %(hours)s::timestamptz[],
        %(kinds)s::text[], %(subjects)s::text[]
    ) as judged (event_name, tenant_id, hour, kind, subject)
where
    exceptions.closed_at is null
    and exceptions.tenant_id = judged.tenant_id
    and exceptions.hour = judged.hour
    and (exceptions.kind <> judged.kind or exceptions.subject <> judged.subject)
    and (
        (
            exceptions.kind in (
                'unmapped', 'customer_taken', 'customer_gone', 'held_for_review', 'month_closed', 'too_late'
            )
            and exceptions.subject = judged.event_name
        )
        or (
            exceptions.kind = 'refused'
            and judged.event_name = (
                select meter_events.event_name
                from fridge.meter_events
                where meter_events.identifier = exceptions.subject
            )
        )
    );
