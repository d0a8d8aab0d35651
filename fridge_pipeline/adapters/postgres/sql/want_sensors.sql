create temporary table wanted_sensors (tenant_id text, sensor_id text) on commit drop;
