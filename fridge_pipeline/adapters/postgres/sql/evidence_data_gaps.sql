-- Those that reach into the month.
select * from fridge.data_gaps
where silent_from < %(end)s and coalesce(silent_until > %(start)s, true)
order by tenant_id, sensor_id, silent_from;
