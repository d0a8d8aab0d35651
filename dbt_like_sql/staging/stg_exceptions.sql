-- materialized: view
-- What is about one statement names its identifier, what is about an hour of a meter names the meter.
select
    exceptions.exception_id,
    exceptions.kind,
    exceptions.tenant_id,
    exceptions.hour,
    exceptions.subject,
    coalesce(meter_events.event_name, exceptions.subject) as meter,
    exceptions.detail,
    exceptions.deadline_at,
    exceptions.opened_at,
    exceptions.closed_at,
    exceptions.closed_at is null as is_open
from fridge.exceptions
left join fridge.meter_events on replace(exceptions.subject, 'cancel:', '') = meter_events.identifier
