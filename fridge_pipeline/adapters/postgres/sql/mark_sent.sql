-- Intent before effect: committed before the first byte goes out.
update fridge.meter_events
set
    status = case when status = 'staged' then 'sent' else status end,
    first_sent_at = coalesce(first_sent_at, %(now)s),
    last_sent_at = %(now)s,
    attempts = attempts + 1
where identifier = any(%(identifiers)s) and status in ('staged', 'sent', 'unknown');
