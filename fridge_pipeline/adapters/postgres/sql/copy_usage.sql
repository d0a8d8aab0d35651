copy new_usage (tenant_id, hour, inserted_count, active_sensors) from stdin with (format csv);
