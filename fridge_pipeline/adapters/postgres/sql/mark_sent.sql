-- Intent before effect: committed before the first byte goes out. Returns those that are still to be sent.
update fridge.meter_events
set
    status = case when status = 'staged' then 'sent' else status end,
    first_sent_at = coalesce(first_sent_at, %(now)s),
    last_sent_at = %(now)s,
    attempts = attempts + 1
where identifier = any(%(identifiers)s) and status in ('staged', 'sent', 'unknown')
returning
    identifier,
    exists (
        select 1 from fridge.meter_event_attempts
        where
            meter_event_attempts.identifier = meter_events.identifier
            and meter_event_attempts.outcome in ('undecided', 'lost')
    ) as was_undecided;
