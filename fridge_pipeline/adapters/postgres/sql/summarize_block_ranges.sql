-- What was loaded since the last vacuum is in no block range yet, and would be read whenever any file is looked for.
select coalesce(sum(brin_summarize_new_values(relid)), 0) as block_ranges
from pg_partition_tree('fridge.stored_readings_file_id')
where isleaf;
