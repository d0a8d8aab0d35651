create temporary table new_usage (
    tenant_id text,
    hour timestamptz,
    inserted_count bigint,
    active_sensors bigint
) on commit drop;
