-- What a person had settled was billed once its sensors were registered after all.
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
        inner join fridge.landing_files as waiting on waiting_sensors.file_id = waiting.file_id
        -- While it is open: a person who has settled it has decided that nobody is billed for these rows.
        inner join fridge.exceptions
            on
                waiting.path = exceptions.subject
                and exceptions.kind = 'sensors_unregistered'
                and exceptions.closed_at is null
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
