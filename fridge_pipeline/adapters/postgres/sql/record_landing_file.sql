insert into fridge.landing_files (
    file_id, path, landing_hour, content_hash, version_token, size_bytes,
    row_count, inserted_count, duplicate_count, rejected_count,
    status, first_recorded_at, last_recorded_at, run_id, loaded_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);
