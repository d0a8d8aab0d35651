insert into fridge.meter_event_attempts (
    identifier, attempt, outcome, sent_at, tries, latency_seconds, http_status, request_id, answer, run_id
)
select
    meter_events.identifier,
    meter_events.attempts as attempt,
    receipts.outcome,
    meter_events.last_sent_at as sent_at,
    receipts.tries,
    receipts.latency_seconds,
    receipts.http_status,
    receipts.request_id,
    receipts.answer,
    %(run_id)s as run_id
from
    unnest(
        %(identifiers)s::text[], %(outcomes)s::text[], %(tries)s::integer[], %(latencies)s::double precision[],
        %(http_statuses)s::integer[], %(request_ids)s::text[], %(answers)s::text[]
    ) as receipts (identifier, outcome, tries, latency_seconds, http_status, request_id, answer)
inner join fridge.meter_events on receipts.identifier = meter_events.identifier
on conflict (identifier, attempt) do nothing;
