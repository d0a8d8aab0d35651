copy wanted_sensors (tenant_id, sensor_id) from stdin;
