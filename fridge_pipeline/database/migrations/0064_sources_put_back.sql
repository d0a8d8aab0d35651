-- Files that a mistaken source could not read were not read again when the source was put back as it had been: its
-- definition was known already.
create table fridge.source_lists (
    list_id bigint generated always as identity primary key,
    list_sha256 text not null,
    seen_at timestamptz not null
);

create trigger source_lists_append_only before update or delete on fridge.source_lists
for each row execute function fridge.refuse_change();
create trigger source_lists_no_truncate before truncate on fridge.source_lists
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.source_lists from current_user;

comment on table fridge.source_lists is
'One row per change of the sources that the pipeline runs with, and once more where a run that had begun with those of '
'before loaded files since. Append only.';
comment on column fridge.source_lists.list_sha256 is 'Of the names, patterns and definitions, in their order.';
comment on column fridge.source_lists.seen_at is
'When the pipeline first ran with them; files without a reading whose exception is open are read again from then on.';

insert into fridge.pipeline_rights (relation) values ('source_lists');

comment on column fridge.source_definitions.seen_at is 'When the pipeline first ran with it.';

create or replace view fridge.files_to_read_again as
select
    landing_files.file_id,
    landing_files.path,
    landing_files.landing_hour,
    landing_files.file_id = any(coalesce(landing_hours.absent_file_ids, '{}')) as is_absent
from fridge.landing_files
left join fridge.landing_hours on landing_files.landing_hour = landing_hours.landing_hour
where
    landing_files.file_id in (
        select waiting_sensors.file_id
        from fridge.waiting_sensors
        where
            exists (
                select 1 from fridge.sensor_register
                where
                    sensor_register.sensor_id = waiting_sensors.sensor_id
                    and sensor_register.entry_id > waiting_sensors.register_entry
                    and sensor_register.valid_from <= waiting_sensors.last_recorded_at
            )
            or (
                waiting_sensors.sensor_id is null
                and exists (
                    select 1 from fridge.sensor_register
                    where
                        sensor_register.entry_id > waiting_sensors.register_entry
                        and sensor_register.valid_from <= waiting_sensors.last_recorded_at
                )
            )
        union all
        select told.file_id
        from fridge.exceptions
        inner join fridge.landing_files as told on exceptions.subject = told.path
        left join fridge.refused_files on told.file_id = refused_files.file_id
        where
            exceptions.closed_at is null
            and exceptions.kind in ('unreadable_file', 'columns_refused', 'rows_rejected')
            -- With a single reading of it stored, others of it could be stored once more under another time or id.
            and (told.status = 'unreadable' or told.rejected_count = told.row_count)
            and (
                exists (
                    select 1 from fridge.source_lists
                    where source_lists.seen_at > told.loaded_at
                )
                or refused_files.shape_sha256 in (
                    select accepted_shapes.shape_sha256 from fridge.accepted_shapes
                )
            )
    )
    and not exists (
        select 1 from fridge.landing_files as newer
        where newer.path = landing_files.path and newer.file_id > landing_files.file_id
    )
    and not exists (
        select 1 from fridge.withdrawals
        where withdrawals.file_id = landing_files.file_id
    );

comment on view fridge.files_to_read_again is
'One row per landing file that says more now than when it was read: its sensors were registered since, its columns '
'were accepted, or not one reading of it could be read and the sources are others.';
comment on column fridge.files_to_read_again.is_absent is
'Whether it did not lie in its folder when its hour was loaded last; the hour does not wait for it then.';
-- A measure that was declared from before the readings that are kept left its sealed hours waiting for ever.
create or replace view fridge.hours_to_count as
select
    usable.hour,
    measures.usage_table
from (
    select
        hour,
        md5(string_agg(file_id::text, ',' order by file_id)) as files_hash
    from fridge.usable_files
    group by hour
) as usable
cross join fridge.measures
left join fridge.declared_measures on measures.measure = declared_measures.measure
where
    measures.is_counted
    and usable.hour >= coalesce(declared_measures.counted_from, '-infinity')
    -- Earlier hours are sealed (database/retention.py): a measure that is declared later has no usage there.
    and usable.hour >= coalesce(
        (
            select date_trunc('month', max(dropped_months.month) + interval '40 days', 'UTC') - interval '1 hour'
            from fridge.dropped_months
        ), '-infinity'
    )
    and not exists (
        select 1 from fridge.counted_hours
        where
            counted_hours.landing_hour = usable.hour
            and counted_hours.usage_table = measures.usage_table
            and counted_hours.files_hash = usable.files_hash
    )

union all

select
    counted_hours.landing_hour as hour,
    counted_hours.usage_table
from fridge.counted_hours
inner join fridge.measures on counted_hours.usage_table = measures.usage_table
where
    measures.is_counted
    and not exists (
        select 1 from fridge.usable_files
        where usable_files.hour = counted_hours.landing_hour
    );
