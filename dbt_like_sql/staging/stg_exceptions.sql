-- materialized: view
-- What is about one statement names its identifier, what is about an hour of a meter names the meter; what is about
-- the usage of a tenant-hour is about all its meters.
select
    exceptions.exception_id,
    exceptions.kind,
    exception_kinds.cause,
    exception_kinds."position" as cause_position,
    exceptions.tenant_id,
    exceptions.hour,
    exceptions.subject,
    exception_kinds.subject as about,
    coalesce(meter_events.event_name, exceptions.subject) as meter,
    exceptions.detail,
    exceptions.deadline_at,
    exceptions.owed,
    exceptions.not_invoiced,
    exceptions.amount as amount_minor_units,
    exceptions.currency,
    exceptions.opened_at,
    exceptions.closed_at,
    exceptions.closed_at is null as is_open
from fridge.exceptions
inner join fridge.exception_kinds on exceptions.kind = exception_kinds.kind
left join fridge.meter_events on replace(exceptions.subject, 'cancel:', '') = meter_events.identifier
