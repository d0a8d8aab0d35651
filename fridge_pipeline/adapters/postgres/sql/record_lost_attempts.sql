-- Marked as sent, and no answer was ever kept: the process ended in between. Stripe may have it.
insert into fridge.meter_event_attempts (identifier, attempt, outcome, sent_at, tries, answer, run_id)
select
    identifier,
    attempts,
    'lost' as outcome,
    last_sent_at,
    1 as tries,
    'the process ended before its answer was kept' as answer,
    %(run_id)s as run_id
from fridge.meter_events
where
    identifier = any(%(identifiers)s)
    and status in ('sent', 'unknown')
    and attempts > 0
    and not exists (
        select 1 from fridge.meter_event_attempts
        where
            meter_event_attempts.identifier = meter_events.identifier
            and meter_event_attempts.attempt = meter_events.attempts
    );
