copy new_active_sensors (tenant_id, hour, active_sensors) from stdin;
