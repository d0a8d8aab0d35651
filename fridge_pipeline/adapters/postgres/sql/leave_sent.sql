-- From sent a statement goes to unknown before anything else can be said of it.
update fridge.meter_events
set status = 'unknown'
where identifier = any(%(identifiers)s) and status = 'sent';
