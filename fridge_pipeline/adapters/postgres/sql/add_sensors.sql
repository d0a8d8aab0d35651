-- Only ids that are not known yet; the unique constraint settles a race with another load, and the order keeps two
-- loads that bring the same ids from waiting for each other.
insert into fridge.sensors (tenant_id, sensor_id)
select
    wanted_sensors.tenant_id,
    wanted_sensors.sensor_id
from wanted_sensors
where
    not exists (
        select 1 from fridge.sensors
        where
            sensors.tenant_id = wanted_sensors.tenant_id
            and sensors.sensor_id = wanted_sensors.sensor_id
    )
order by wanted_sensors.tenant_id, wanted_sensors.sensor_id
on conflict do nothing;
