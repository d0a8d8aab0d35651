insert into fridge.meter_event_attempts (
    identifier, attempt, outcome, sent_at, tries, latency_seconds, http_status, request_id, answer, run_id
)
select
    identifier,
    attempts as attempt,
    %(outcome)s as outcome,
    last_sent_at as sent_at,
    %(tries)s as tries,
    %(latency_seconds)s as latency_seconds,
    %(http_status)s as http_status,
    %(request_id)s as request_id,
    %(answer)s as answer,
    %(run_id)s as run_id
from fridge.meter_events
where identifier = %(identifier)s
on conflict (identifier, attempt) do nothing;
