create temporary table new_active_sensors (tenant_id text, hour timestamptz, active_sensors bigint) on commit drop;
