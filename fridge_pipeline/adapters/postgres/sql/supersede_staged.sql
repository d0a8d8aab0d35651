update fridge.meter_events
set status = 'superseded'
where
    event_name = %(event_name)s and tenant_id = %(tenant_id)s and hour = %(hour)s
    and status = 'staged';
