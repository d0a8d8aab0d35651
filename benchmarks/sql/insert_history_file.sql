-- The file that an hour's readings are said to be from.
insert into fridge.landing_files (
    file_id, path, landing_hour, content_hash, version_token, size_bytes,
    row_count, inserted_count, duplicate_count, rejected_count,
    status, first_recorded_at, last_recorded_at, run_id, loaded_at
)
values (
    %(file_id)s, 'history/' || %(file_id)s, %(hour)s, md5(%(file_id)s::text), '', 0,
    %(readings)s, %(readings)s, 0, 0,
    'loaded', %(hour)s, %(hour)s::timestamptz + interval '1 hour', 'history', now()
);
