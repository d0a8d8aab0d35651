-- A file that is to be read again, and was removed from its folder before that, kept its hour pending for ever.
alter table fridge.landing_hours add column absent_file_ids integer[] not null default '{}';

comment on column fridge.landing_hours.absent_file_ids is
'Files to be read again that did not lie there any more: the hour does not wait for them.';

update fridge.pipeline_rights
set updates = '{listing_fingerprint, loaded_at, folder_version, absent_file_ids}'
where relation = 'landing_hours';

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
                    select 1 from fridge.source_definitions
                    where source_definitions.seen_at > told.loaded_at
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

comment on column fridge.files_to_read_again.is_absent is
'Whether it did not lie in its folder when its hour was loaded last; the hour does not wait for it then.';
