-- Usage says that it was counted from the files that there are.
insert into fridge.counted_hours (landing_hour, usage_table, files_hash, counted_at)
select
    landing_files.landing_hour,
    measures.usage_table,
    md5(string_agg(landing_files.file_id::text, ',' order by landing_files.file_id)) as files_hash,
    now() as counted_at
from fridge.landing_files
cross join fridge.measures
group by landing_files.landing_hour, measures.usage_table
on conflict do nothing;
