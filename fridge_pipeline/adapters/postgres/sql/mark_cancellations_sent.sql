-- The same for cancellations. One that was sent before may have been executed.
update fridge.meter_event_adjustments
set
    status = case when status = 'staged' then 'sent' else status end,
    first_sent_at = coalesce(first_sent_at, %(now)s),
    attempts = attempts + 1
where identifier = any(%(identifiers)s) and status in ('staged', 'sent', 'unknown')
returning
    identifier,
    attempts > 1 as was_undecided;
