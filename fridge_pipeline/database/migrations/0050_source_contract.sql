-- Which columns a source's files have, who accepts others, and what becomes of files that wait for that.

-- What the sources of this installation are and were: a hash alone says nothing to a person.
create table fridge.source_definitions (
    source text not null,
    source_sha256 text not null,
    pattern text not null,
    definition jsonb not null,
    seen_at timestamptz not null,
    constraint source_definitions_pkey primary key (source, source_sha256, pattern)
);

create trigger source_definitions_append_only before update or delete on fridge.source_definitions
for each row execute function fridge.refuse_change();
create trigger source_definitions_no_truncate before truncate on fridge.source_definitions
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.source_definitions from current_user;

comment on table fridge.source_definitions is
'One row per definition that a source has had: what source_sha256 in landing_files stands for. Append only.';
comment on column fridge.source_definitions.pattern is 'Its match: which files it reads.';
comment on column fridge.source_definitions.definition is 'All its other keys.';
comment on column fridge.source_definitions.seen_at is
'When the pipeline first ran with it; unreadable files whose exception is open are read again from then on.';

insert into fridge.pipeline_rights (relation) values ('source_definitions');

-- What the files of a source hold. A file whose columns are known adds nothing, so there are few rows, whatever lands.
create table fridge.source_shapes (
    shape_sha256 text primary key,
    source text,
    source_sha256 text,
    format text not null,
    columns jsonb not null,
    changes jsonb not null,
    is_refused boolean not null,
    path text not null,
    seen_at timestamptz not null
);

create index source_shapes_source on fridge.source_shapes (source, source_sha256);

create trigger source_shapes_append_only before update or delete on fridge.source_shapes
for each row execute function fridge.refuse_change();
create trigger source_shapes_no_truncate before truncate on fridge.source_shapes
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.source_shapes from current_user;

comment on table fridge.source_shapes is
'One row per set of columns and types, of the files of one definition of a source and one format, that was news when '
'it was seen. Append only.';
comment on column fridge.source_shapes.source is 'Empty for files with the canonical columns.';
comment on column fridge.source_shapes.columns is 'Each column with the types of its values; none where it had none.';
comment on column fridge.source_shapes.changes is 'How it differs from all that was known before; nothing: the first.';
comment on column fridge.source_shapes.is_refused is 'Its files wait, until somebody accepts it (accepted_shapes).';
comment on column fridge.source_shapes.path is 'The file in which it was seen first.';

insert into fridge.pipeline_rights (relation) values ('source_shapes');

create table fridge.accepted_shapes (
    shape_sha256 text primary key,
    reason text not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint accepted_shapes_reason_not_empty check (reason <> '')
);

create trigger accepted_shapes_append_only before update or delete on fridge.accepted_shapes
for each row execute function fridge.refuse_change();
create trigger accepted_shapes_no_truncate before truncate on fridge.accepted_shapes
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.accepted_shapes from current_user;
create trigger accepted_shapes_stamp before insert on fridge.accepted_shapes
for each row execute function fridge.stamp_act();

comment on table fridge.accepted_shapes is
'One row per refused shape that a person has accepted: its files are read again. Append only.';
comment on column fridge.accepted_shapes.acted_by is 'The login that accepted it.';
comment on column fridge.accepted_shapes.acted_at is 'When, by the database''s clock.';
comment on column fridge.accepted_shapes.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.accepted_shapes.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('accepted_shapes');
insert into fridge.person_rights (relation, role) values ('accepted_shapes', 'operator');

create table fridge.refused_files (
    file_id integer primary key,
    shape_sha256 text not null
);

create trigger refused_files_append_only before update or delete on fridge.refused_files
for each row execute function fridge.refuse_change();
create trigger refused_files_no_truncate before truncate on fridge.refused_files
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.refused_files from current_user;

comment on table fridge.refused_files is
'One row per read of a landing file all of whose rows were rejected, because its source refuses its columns; append '
'only.';

insert into fridge.pipeline_rights (relation) values ('refused_files');

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
            and exceptions.kind in ('unreadable_file', 'columns_refused')
            and (told.status = 'unreadable' or refused_files.file_id is not null)
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
'were accepted, or it was unreadable and a source has another definition.';
