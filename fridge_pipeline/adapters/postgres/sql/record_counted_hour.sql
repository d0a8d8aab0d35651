insert into fridge.counted_hours (landing_hour, usage_table, files_hash, counted_at)
values (%(hour)s, %(usage_table)s, %(files_hash)s, %(now)s)
on conflict (landing_hour, usage_table) do update
    set files_hash = excluded.files_hash, counted_at = excluded.counted_at;
