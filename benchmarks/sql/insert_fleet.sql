-- The fleet's sensors, with the keys 1, 2, 3, …
insert into fridge.sensors (tenant_id, sensor_id)
select
    'tenant-' || lpad((mod(number, %(tenants)s))::text, 5, '0') as tenant_id,
    'fridge-' || lpad(number::text, 7, '0') || '-probe' as sensor_id
from generate_series(0, %(sensors)s - 1) as sensors (number)
order by number;
