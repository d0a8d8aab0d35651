-- A landing file says which source read it, and what the source was then; sensors are registered; files are read again.
alter table fridge.landing_files add column source text;
alter table fridge.landing_files add column source_sha256 text;
alter table fridge.landing_files add column read_number integer not null default 1;
alter table fridge.landing_files drop constraint landing_files_content;
alter table fridge.landing_files add constraint landing_files_content unique (path, content_hash, read_number);
alter table fridge.landing_files
add constraint landing_files_source check ((source is null) = (source_sha256 is null));

comment on column fridge.landing_files.source is
'The source that read it; empty where it had the canonical columns.';
comment on column fridge.landing_files.source_sha256 is
'Hash of what the source was then: its definition may change afterwards, and nothing that is loaded with it.';
comment on column fridge.landing_files.read_number is
'1; 2, 3, … where the same content was read again because of sensors that were registered since.';

-- Which sensor belongs to which tenant, from when on: for sources whose files do not say whose they are.
create table fridge.sensor_register (
    entry_id bigint generated always as identity primary key,
    sensor_id text not null,
    tenant_id text not null,
    valid_from timestamptz not null,
    reason text not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint sensor_register_one_tenant unique (sensor_id, valid_from),
    constraint sensor_register_ids_not_empty check (sensor_id <> '' and tenant_id <> '')
);

create trigger sensor_register_append_only before update or delete on fridge.sensor_register
for each row execute function fridge.refuse_change();
create trigger sensor_register_no_truncate before truncate on fridge.sensor_register
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.sensor_register from current_user;
create trigger sensor_register_stamp before insert on fridge.sensor_register
for each row execute function fridge.stamp_act();

comment on table fridge.sensor_register is
'One row per sensor and moment from which on it belongs to a tenant, until its next row. Append only.';
comment on column fridge.sensor_register.valid_from is 'Readings recorded from here on are the tenant''s.';
comment on column fridge.sensor_register.reason is 'Why it was registered.';
comment on column fridge.sensor_register.acted_by is 'The login that registered it.';
comment on column fridge.sensor_register.acted_at is 'When, by the database''s clock.';
comment on column fridge.sensor_register.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.sensor_register.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('sensor_register');
insert into fridge.person_rights (relation, role) values ('sensor_register', 'operator');

-- Rows of sensors that were not in the register, or not yet at the time of the reading: they are rejected, and the file
-- is read again once the register knows them. Of a file the first 10,000 sensors have a row of their own; one without a
-- sensor stands for all others.
create table fridge.waiting_sensors (
    file_id integer not null,
    sensor_id text,
    row_count bigint not null,
    last_recorded_at timestamptz not null,
    register_entry bigint not null,
    constraint waiting_sensors_key unique nulls not distinct (file_id, sensor_id),
    constraint waiting_sensors_count check (row_count > 0)
);

create index waiting_sensors_sensor on fridge.waiting_sensors (sensor_id);

create trigger waiting_sensors_append_only before update or delete on fridge.waiting_sensors
for each row execute function fridge.refuse_change();
create trigger waiting_sensors_no_truncate before truncate on fridge.waiting_sensors
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.waiting_sensors from current_user;

comment on table fridge.waiting_sensors is
'One row per read of a landing file and sensor in it that the register did not know then. Append only.';
comment on column fridge.waiting_sensors.row_count is 'Rows of the file that wait for it.';
comment on column fridge.waiting_sensors.last_recorded_at is 'The latest of their times.';
comment on column fridge.waiting_sensors.register_entry is 'The newest entry of the register when the file was read.';

insert into fridge.pipeline_rights (relation) values ('waiting_sensors');

create view fridge.files_to_read_again as
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
'One row per landing file with rows of sensors that were registered after it was read.';
