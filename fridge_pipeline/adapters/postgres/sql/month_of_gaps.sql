select * from fridge.{mart}
where silent_from < %(end)s and (silent_until is null or silent_until > %(start)s)
order by tenant_id, sensor_id, silent_from;
