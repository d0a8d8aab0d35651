-- A source that takes times or numbers for something else has each row of a file rejected. Such a file, too, is read
-- again once a source has another definition, as one is of which no row can be read.

create or replace view fridge.files_to_read_again as
select
    landing_files.file_id,
    landing_files.path,
    landing_files.landing_hour
from fridge.landing_files
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

comment on view fridge.files_to_read_again is
'One row per landing file that says more now than when it was read: its sensors were registered since, its columns '
'were accepted, or not one reading of it could be read and a source has another definition.';

comment on column fridge.source_definitions.seen_at is
'When the pipeline first ran with it; files without a reading whose exception is open are read again from then on.';
