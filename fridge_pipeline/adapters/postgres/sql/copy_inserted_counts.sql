copy new_inserted_counts (tenant_id, hour, inserted_count) from stdin;
