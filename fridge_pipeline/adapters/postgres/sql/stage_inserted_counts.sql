create temporary table new_inserted_counts (tenant_id text, hour timestamptz, inserted_count bigint) on commit drop;
