insert into fridge.counted_hours (landing_hour, usage_table, files_hash, counted_at)
select
    counted.landing_hour,
    usage_tables.usage_table,
    counted.files_hash,
    %(now)s
from unnest(%(hours)s::timestamptz[], %(files_hashes)s::text[]) as counted (landing_hour, files_hash)
cross join unnest(%(usage_tables)s::text[]) as usage_tables (usage_table)
on conflict (landing_hour, usage_table) do update
    set files_hash = excluded.files_hash, counted_at = excluded.counted_at;
