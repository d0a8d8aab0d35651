-- From which files an hour's usage was counted. Comparing files, not times: a file that was loaded while the hour was
-- being counted is noticed whatever the clocks of the two processes said.
create table fridge.counted_hours (
    landing_hour timestamptz not null,
    usage_table text not null,
    files_hash text not null,
    counted_at timestamptz not null,
    primary key (landing_hour, usage_table),
    constraint counted_hours_usage_table check (usage_table in ('inserted_counts', 'active_sensors'))
);

comment on table fridge.counted_hours is 'One row per landing hour and usage table: from which files it was counted.';
comment on column fridge.counted_hours.files_hash is
'MD5 of the ids of the files with readings that were not withdrawn, in order, with commas between.';
