insert into fridge.meter_event_adjustments (identifier, status, staged_at, run_id)
values (%(identifier)s, 'staged', %(now)s, %(run_id)s);
