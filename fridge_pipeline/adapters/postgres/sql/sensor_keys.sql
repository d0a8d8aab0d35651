select
    sensors.tenant_id,
    sensors.sensor_id,
    sensors.sensor_key
from wanted_sensors
inner join fridge.sensors
    on
        wanted_sensors.tenant_id = sensors.tenant_id
        and wanted_sensors.sensor_id = sensors.sensor_id;
