-- Landing files, what became of each of their rows, and the readings.

-- A sensor that is handed to another tenant takes its readings along: so none is.
create table fridge.sensors (
    sensor_key integer generated always as identity primary key,
    tenant_id text not null,
    sensor_id text not null,
    constraint sensors_identity unique (tenant_id, sensor_id)
);

create trigger sensors_append_only before update or delete on fridge.sensors
for each row execute function fridge.refuse_change();
create trigger sensors_no_truncate before truncate on fridge.sensors
for each statement execute function fridge.refuse_change();

comment on table fridge.sensors is
'One row per sensor of a tenant: the integer key under which its readings are stored.';

insert into fridge.pipeline_rights (relation) values ('sensors');

create sequence fridge.landing_file_ids as integer;

create table fridge.landing_files (
    file_id integer primary key,
    path text not null,
    landing_hour timestamptz not null,
    content_hash text not null,
    version_token text not null,
    size_bytes bigint not null,
    row_count bigint not null,
    inserted_count bigint not null,
    duplicate_count bigint not null,
    rejected_count bigint not null,
    status text not null,
    first_recorded_at timestamptz,
    last_recorded_at timestamptz,
    run_id text not null,
    loaded_at timestamptz not null,
    source text,
    source_sha256 text,
    read_number integer not null default 1,
    -- One row per content of a file: two runs cannot both count it, a changed file gets a row of its own. A content is
    -- read again only when sensors in it have been registered since.
    constraint landing_files_content unique (path, content_hash, read_number),
    constraint landing_files_tie_out check (row_count = inserted_count + duplicate_count + rejected_count),
    constraint landing_files_counts check (
        inserted_count >= 0 and duplicate_count >= 0 and rejected_count >= 0
    ),
    constraint landing_files_status check (status in ('loaded', 'damaged', 'unreadable')),
    constraint landing_files_source check ((source is null) = (source_sha256 is null))
);

create index landing_files_landing_hour on fridge.landing_files (landing_hour);

-- What was loaded lately, in about the order in which it was.
create index landing_files_loaded on fridge.landing_files using brin (loaded_at);

create trigger landing_files_append_only before update or delete on fridge.landing_files
for each row execute function fridge.refuse_change();
create trigger landing_files_no_truncate before truncate on fridge.landing_files
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.landing_files from current_user;

comment on table fridge.landing_files is 'One row per content of a landing file that was loaded; append only.';
comment on column fridge.landing_files.path is 'Relative to the landing root.';
comment on column fridge.landing_files.landing_hour is
'Start of the hour it was received in, which its readings are billed to.';
comment on column fridge.landing_files.content_hash is
'SHA-256 of the bytes as delivered; a changed file gets a row of its own.';
comment on column fridge.landing_files.version_token is 'What the listing showed: modification time or entity tag.';
comment on column fridge.landing_files.row_count is 'Rows read; always inserted + duplicate + rejected.';
comment on column fridge.landing_files.inserted_count is 'Readings stored for the first time.';
comment on column fridge.landing_files.duplicate_count is 'Valid readings that were stored already.';
comment on column fridge.landing_files.rejected_count is 'Rows that are no valid readings; see rejected_readings.';
comment on column fridge.landing_files.status is
'loaded; damaged: read up to the damage; unreadable: not a single row could be read.';
comment on column fridge.landing_files.first_recorded_at is 'Earliest reading it stored; empty when it stored none.';
comment on column fridge.landing_files.last_recorded_at is 'Latest reading it stored; empty when it stored none.';
comment on column fridge.landing_files.run_id is 'The Dagster run that loaded it.';
comment on column fridge.landing_files.source is
'The source that read it; empty where it had the canonical columns.';
comment on column fridge.landing_files.source_sha256 is
'Hash of what the source was then: its definition may change afterwards, and nothing that is loaded with it.';
comment on column fridge.landing_files.read_number is
'1; 2, 3, … where the same content was read again because of sensors that were registered since.';

insert into fridge.pipeline_rights (relation) values ('landing_files');

-- Whose rows a landing file held: each tenant can be told what became of each of its rows (law L3, per tenant). A file
-- may hold rows of many tenants and an hour has many files, so the table is narrow and has the one index that both
-- questions need: whose rows are in a file, and what of a tenant is in it. Hours are found through landing_files.
-- Without a foreign key, like withdrawals; and the rows are written just before their file's.
create table fridge.landing_file_tenants (
    file_id integer not null,
    tenant_id text,
    row_count bigint not null,
    inserted_count bigint not null,
    duplicate_count bigint not null,
    rejected_count bigint not null,
    constraint landing_file_tenants_key unique nulls not distinct (file_id, tenant_id),
    constraint landing_file_tenants_tie_out check (row_count = inserted_count + duplicate_count + rejected_count),
    constraint landing_file_tenants_counts check (
        row_count > 0 and inserted_count >= 0 and duplicate_count >= 0 and rejected_count >= 0
    ),
    constraint landing_file_tenants_unknown check (tenant_id is not null or rejected_count = row_count),
    constraint landing_file_tenants_tenant_id_not_empty check (tenant_id <> '')
);

create trigger landing_file_tenants_append_only before update or delete on fridge.landing_file_tenants
for each row execute function fridge.refuse_change();
create trigger landing_file_tenants_no_truncate before truncate on fridge.landing_file_tenants
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.landing_file_tenants from current_user;

comment on table fridge.landing_file_tenants is
'One row per landing file and tenant with rows in it; they add up to landing_files. Append only. Files with rows and '
'without a row here were loaded before this table was there.';
comment on column fridge.landing_file_tenants.tenant_id is
'As the file says it, also when it is in no other table; empty: rows that do not say readably whose they are, and '
'rejected ones beyond the first 10,000 tenants of which the file has rejected rows.';
comment on column fridge.landing_file_tenants.row_count is
'Rows of the tenant read; always inserted + duplicate + rejected.';
comment on column fridge.landing_file_tenants.inserted_count is
'Its readings stored for the first time; a withdrawal of the file changes nothing here.';
comment on column fridge.landing_file_tenants.duplicate_count is 'Its valid readings that were stored already.';
comment on column fridge.landing_file_tenants.rejected_count is
'Its rows that are no valid readings; see rejected_readings.';

insert into fridge.pipeline_rights (relation) values ('landing_file_tenants');

-- Once for all the files that a statement puts on record, so that thousands at once cost little.
create function fridge.check_file_tenants() returns trigger
language plpgsql as $$
declare
    off record;
begin
    select new_rows.path, new_rows.row_count, tenants.row_count as tenants_row_count into off
    from new_rows
    cross join lateral (
        select
            coalesce(sum(landing_file_tenants.row_count), 0) as row_count,
            coalesce(sum(landing_file_tenants.inserted_count), 0) as inserted_count,
            coalesce(sum(landing_file_tenants.duplicate_count), 0) as duplicate_count,
            coalesce(sum(landing_file_tenants.rejected_count), 0) as rejected_count
        from fridge.landing_file_tenants
        where landing_file_tenants.file_id = new_rows.file_id
    ) as tenants
    where
        tenants.row_count <> new_rows.row_count
        or tenants.inserted_count <> new_rows.inserted_count
        or tenants.duplicate_count <> new_rows.duplicate_count
        or tenants.rejected_count <> new_rows.rejected_count
    limit 1;
    if found then
        raise exception 'landing file % has % rows, but % by tenant, or they differ in what became of them',
            off.path, off.row_count, off.tenants_row_count
            using errcode = 'check_violation',
            hint = 'The rows of a file by tenant, in landing_file_tenants, add up to the file; write them before it.';
    end if;
    return null;
end;
$$;

create trigger landing_files_check_tenants after insert on fridge.landing_files
referencing new table as new_rows for each statement execute function fridge.check_file_tenants();

-- What adds up stays so: nothing is added to a file that is on record, nor to one loaded before this table was there.
create function fridge.refuse_later_tenants() returns trigger
language plpgsql as $$
declare
    known integer;
begin
    select landing_files.file_id into known
    from (select distinct file_id from new_rows) as files
    inner join fridge.landing_files on files.file_id = landing_files.file_id
    limit 1;
    if found then
        raise exception 'landing file % is on record: its rows by tenant are written before it, and never later', known
            using errcode = 'restrict_violation';
    end if;
    return null;
end;
$$;

create trigger landing_file_tenants_before_file after insert on fridge.landing_file_tenants
referencing new table as new_rows for each statement execute function fridge.refuse_later_tenants();

-- What the listing of a landing hour looked like when its files had all been loaded, and its folder: a tick of the
-- landing sensor need not list it while it stays that.
create table fridge.landing_hours (
    landing_hour timestamptz primary key,
    listing_fingerprint text not null,
    loaded_at timestamptz not null,
    folder_version text,
    absent_file_ids integer[] not null default '{}'
);

comment on table fridge.landing_hours is 'One row per landing hour whose files have all been loaded.';
comment on column fridge.landing_hours.listing_fingerprint is
'Changes when a file is added, removed, renamed or rewritten.';
comment on column fridge.landing_hours.folder_version is
'The folder whose listing this is known to be; empty until the folder has been seen unchanged after its load.';

comment on column fridge.landing_hours.absent_file_ids is
'Files to be read again that did not lie there any more: the hour does not wait for them.';

insert into fridge.pipeline_rights (relation, updates)
values ('landing_hours', '{listing_fingerprint, loaded_at, folder_version, absent_file_ids}');

-- Files that are being loaded, written before they are read: who dies meanwhile leaves its row behind, so that the next
-- load knows. Empty while nothing is loaded.
create table fridge.load_attempts (
    path text primary key,
    version_token text not null,
    attempts integer not null,
    started_at timestamptz not null,
    constraint load_attempts_count check (attempts > 0)
);

comment on table fridge.load_attempts is
'One row per landing file that is being loaded, or whose load died: with its process, its machine, or its database.';
comment on column fridge.load_attempts.version_token is 'Which content it is about, as in landing_files.';
comment on column fridge.load_attempts.attempts is 'Loads of this content since the last one that ended.';
comment on column fridge.load_attempts.started_at is 'When the last of them began.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('load_attempts', '{version_token, attempts, started_at}', true);

-- Files taken out of usage. Their readings stay stored, so that they are never counted again. Without a foreign key:
-- its check would need the update privilege on landing_files, which nobody has.
create table fridge.withdrawals (
    file_id integer primary key,
    reason text not null,
    withdrawn_by text not null,
    withdrawn_at timestamptz not null,
    acted_by text,
    acted_at timestamptz,
    os_user text,
    os_host text,
    constraint withdrawals_time_readable check (fridge.is_readable(withdrawn_at)),
    constraint withdrawals_reason_not_empty check (reason <> '')
);

create trigger withdrawals_append_only before update or delete on fridge.withdrawals
for each row execute function fridge.refuse_change();
create trigger withdrawals_no_truncate before truncate on fridge.withdrawals
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.withdrawals from current_user;

create trigger withdrawals_stamp before insert on fridge.withdrawals
for each row execute function fridge.stamp_act();

comment on table fridge.withdrawals is
'One row per landing file taken out of usage; its readings stay known. Append only.';
comment on column fridge.withdrawals.withdrawn_by is 'A label that was typed. Who withdrew it is acted_by.';
comment on column fridge.withdrawals.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.withdrawals.acted_at is 'When, by the database''s clock.';
comment on column fridge.withdrawals.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.withdrawals.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('withdrawals');
insert into fridge.person_rights (relation, role) values ('withdrawals', 'operator');

create view fridge.usable_files as
select
    file_id,
    landing_hour as hour,
    inserted_count
from fridge.landing_files
where
    inserted_count > 0
    and not exists (
        select 1 from fridge.withdrawals
        where withdrawals.file_id = landing_files.file_id
    );

comment on view fridge.usable_files is
'One row per landing file that counts for its hour: it stored readings, and was not withdrawn.';

-- The primary key is law L1. It leads with time because readings arrive in time order: a sorted COPY then
-- appends to the right end of the index. Keys are integers because text keys cost a quarter more space.
create table fridge.stored_readings (
    recorded_at timestamptz not null,
    temperature_c double precision not null,
    sensor_key integer not null,
    file_id integer not null,
    numbers bigint[],
    constraint stored_readings_pkey primary key (recorded_at, sensor_key)
) partition by range (recorded_at);

-- File ids rise as files are loaded, so a block range index finds the readings of an hour's files
-- at almost no cost to the load.
create index stored_readings_file_id on fridge.stored_readings
using brin (file_id) with (pages_per_range = 32, autosummarize = on);

create trigger stored_readings_append_only before update or delete on fridge.stored_readings
for each row execute function fridge.refuse_change();
create trigger stored_readings_no_truncate before truncate on fridge.stored_readings
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stored_readings from current_user;

comment on table fridge.stored_readings is
'One row per reading, by integer keys; partitioned by month. Read it through readings.';

comment on column fridge.stored_readings.numbers is
'What its source keeps besides, each in the parts of reading_numbers and at its place; empty where there is none.';

insert into fridge.pipeline_rights (relation) values ('stored_readings');

-- An entry of the register changes no reading that is stored, by whatever way it is entered. In the owner's name,
-- because who registers reads little.
create function fridge.refuse_changed_past() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    refused record;
begin
    select
        new_rows.sensor_id,
        new_rows.tenant_id,
        sensors.tenant_id as stored_for
    into refused
    from new_rows
    inner join fridge.sensors on new_rows.sensor_id = sensors.sensor_id and new_rows.tenant_id <> sensors.tenant_id
    where exists (
        select 1
        from fridge.stored_readings
        inner join fridge.landing_files on stored_readings.file_id = landing_files.file_id
        where
            stored_readings.sensor_key = sensors.sensor_key
            and stored_readings.recorded_at >= new_rows.valid_from
            and stored_readings.recorded_at < coalesce(
                (
                    select min(later.valid_from) from fridge.sensor_register as later
                    where later.sensor_id = new_rows.sensor_id and later.valid_from > new_rows.valid_from
                ), 'infinity'
            )
            and landing_files.source is not null
            and not exists (select 1 from fridge.withdrawals where withdrawals.file_id = landing_files.file_id)
    )
    limit 1;
    if found then
        raise exception 'sensor % would belong to %, and readings of it are stored for %: the past is not changed',
            refused.sensor_id, refused.tenant_id, refused.stored_for
            using errcode = 'restrict_violation',
            hint = 'Register it from now on, and make good the time before by hand.';
    end if;
    return null;
end;
$$;
revoke execute on function fridge.refuse_changed_past() from public;

create trigger sensor_register_keeps_past after insert on fridge.sensor_register
referencing new table as new_rows for each statement execute function fridge.refuse_changed_past();

create view fridge.readings as
select
    sensors.tenant_id,
    sensors.sensor_id,
    stored_readings.recorded_at,
    stored_readings.temperature_c,
    landing_files.landing_hour,
    landing_files.path,
    stored_readings.file_id,
    withdrawals.file_id is not null as is_withdrawn,
    (
        select
            jsonb_object_agg(
                reading_numbers.number_name,
                trim_scale(stored_readings.numbers[reading_numbers.place]::numeric / reading_numbers.parts)
            )
        from fridge.reading_numbers
        where stored_readings.numbers[reading_numbers.place] is not null
    ) as numbers
from fridge.stored_readings
inner join fridge.sensors on stored_readings.sensor_key = sensors.sensor_key
inner join fridge.landing_files on stored_readings.file_id = landing_files.file_id
left join fridge.withdrawals on stored_readings.file_id = withdrawals.file_id;

comment on view fridge.readings is 'One row per reading, with its tenant, sensor, landing hour and landing file.';
comment on column fridge.readings.is_withdrawn is 'Its file was withdrawn: the reading is known, and not usage.';
comment on column fridge.readings.numbers is 'What its source keeps besides the temperature, by name; else empty.';

-- Retention: whole months of readings are dropped, never single rows, and what is older than the readings that are kept
-- is never stored again, so a very late copy of a dropped reading cannot count a second time (law L1).
create table fridge.dropped_months (
    month timestamptz primary key,
    size_bytes bigint not null,
    dropped_by text not null,
    dropped_at timestamptz not null,
    acted_by text,
    acted_at timestamptz,
    os_user text,
    os_host text
);

create trigger dropped_months_append_only before update or delete on fridge.dropped_months
for each row execute function fridge.refuse_change();
create trigger dropped_months_no_truncate before truncate on fridge.dropped_months
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.dropped_months from current_user;

create trigger dropped_months_stamp before insert on fridge.dropped_months
for each row execute function fridge.stamp_act();

comment on table fridge.dropped_months is 'One row per month whose readings were dropped; append only.';
comment on column fridge.dropped_months.size_bytes is 'What its readings and their index took.';
comment on column fridge.dropped_months.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.dropped_months.acted_at is 'When, by the database''s clock.';
comment on column fridge.dropped_months.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.dropped_months.os_host is 'Machine, as the session was told.';

-- What must stay known of dropped readings: those that arrived so late that their hour can still change, so that
-- counting it again gives the same usage (law L2).
create table fridge.dropped_reading_counts (
    file_id integer not null,
    sensor_key integer not null,
    month timestamptz not null,
    readings bigint not null,
    primary key (file_id, sensor_key, month)
);

create trigger dropped_reading_counts_append_only before update or delete on fridge.dropped_reading_counts
for each row execute function fridge.refuse_change();
create trigger dropped_reading_counts_no_truncate before truncate on fridge.dropped_reading_counts
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.dropped_reading_counts from current_user;

comment on table fridge.dropped_reading_counts is
'One row per landing file, sensor and dropped month: readings that arrived so late that their hour can still change.';

insert into fridge.pipeline_rights (relation) values ('dropped_reading_counts');

-- The first moment of which readings are kept; empty while nothing was dropped.
create function fridge.kept_from() returns timestamptz
language sql stable as $$
    select date_trunc('month', max(month) + interval '40 days', 'UTC') from fridge.dropped_months;
$$;

-- The pipeline changes no schema: the changes of these three functions are the owner's, made in its name.

-- Makes the monthly partition that holds a moment; does nothing where it exists. It attaches the partition
-- instead of creating it in place, because that does not wait for loads that are under way.
create function fridge.ensure_month(moment timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    month_start timestamptz := date_trunc('month', moment, 'UTC');
    month_end timestamptz := date_trunc('month', month_start + interval '40 days', 'UTC');
    partition_name text := 'stored_readings_' || to_char(month_start at time zone 'UTC', 'YYYY_MM');
begin
    perform pg_advisory_xact_lock(hashtextextended(partition_name, 0));
    if month_start < fridge.kept_from() then
        raise exception 'readings before % are dropped and never stored again', fridge.kept_from()
            using errcode = 'restrict_violation';
    end if;
    if to_regclass('fridge.' || partition_name) is null then
        execute format('create table fridge.%I (like fridge.stored_readings)', partition_name);
        execute format(
            'alter table fridge.stored_readings attach partition fridge.%I for values from (%L) to (%L)',
            partition_name, month_start, month_end
        );
        -- Old readings go by detaching and dropping a whole month, never by deleting rows.
        execute format('revoke update, delete, truncate on fridge.%I from current_user', partition_name);
    end if;
end;
$$;

-- Drops a month's readings and puts that on record; returns the bytes that are free now.
create function fridge.drop_month(month_start timestamptz, by_whom text, at_time timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    partition_name text := 'stored_readings_' || to_char(month_start at time zone 'UTC', 'YYYY_MM');
    size_bytes bigint := pg_total_relation_size(to_regclass('fridge.' || partition_name));
begin
    execute format('alter table fridge.stored_readings detach partition fridge.%I', partition_name);
    execute format('drop table fridge.%I', partition_name);
    insert into fridge.dropped_months values (month_start, size_bytes, by_whom, at_time);
    return size_bytes;
end;
$$;

create function fridge.summarize_block_ranges() returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(sum(brin_summarize_new_values(relid)), 0)
    from pg_partition_tree('fridge.stored_readings_file_id')
    where isleaf;
$$;

revoke execute on function
fridge.summarize_block_ranges(), fridge.ensure_month(timestamptz), fridge.drop_month(timestamptz, text, timestamptz)
from public;

create table fridge.rejected_readings (
    file_id integer not null,
    path text not null,
    line bigint not null,
    reason text not null,
    raw text,
    tenant_id text
);

create index rejected_readings_path on fridge.rejected_readings (path);

create trigger rejected_readings_append_only before update or delete on fridge.rejected_readings
for each row execute function fridge.refuse_change();
create trigger rejected_readings_no_truncate before truncate on fridge.rejected_readings
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.rejected_readings from current_user;

comment on table fridge.rejected_readings is
'One row per row of a landing file that is no valid reading, the first 10,000 of each file; rejected_not_kept counts '
'the others. Append only.';
comment on column fridge.rejected_readings.line is 'Line in the file, or row of a parquet file, counted from 1.';
comment on column fridge.rejected_readings.raw is 'What the row said, at most 1,000 characters.';
comment on column fridge.rejected_readings.tenant_id is
'Whose row it is; empty when it does not say so readably, and in files without rows in landing_file_tenants.';

insert into fridge.pipeline_rights (relation) values ('rejected_readings');

-- Of a landing file the first rejected rows are kept one by one, and the others counted by reason: a few kB can unpack
-- to millions of them.
create table fridge.rejected_not_kept (
    file_id integer not null,
    path text not null,
    reason text not null,
    row_count bigint not null,
    constraint rejected_not_kept_key unique (file_id, reason),
    constraint rejected_not_kept_count check (row_count > 0)
);

create index rejected_not_kept_path on fridge.rejected_not_kept (path);

create trigger rejected_not_kept_append_only before update or delete on fridge.rejected_not_kept
for each row execute function fridge.refuse_change();
create trigger rejected_not_kept_no_truncate before truncate on fridge.rejected_not_kept
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.rejected_not_kept from current_user;

comment on table fridge.rejected_not_kept is
'One row per landing file and reason: how many rows were rejected beyond those in rejected_readings. Append only.';
comment on column fridge.rejected_not_kept.row_count is 'So many more rows were rejected for this reason.';

insert into fridge.pipeline_rights (relation) values ('rejected_not_kept');

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
comment on column fridge.source_definitions.seen_at is 'When the pipeline first ran with it.';

insert into fridge.pipeline_rights (relation) values ('source_definitions');

-- All sources together and in their order, whenever they are others than before: also as they were once, or none.
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

create view fridge.files_to_read_again as
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

comment on view fridge.files_to_read_again is
'One row per landing file that says more now than when it was read: its sensors were registered since, its columns '
'were accepted, or not one reading of it could be read and the sources are others.';
comment on column fridge.files_to_read_again.is_absent is
'Whether it did not lie in its folder when its hour was loaded last; the hour does not wait for it then.';

-- Whoever counts rejected rows counts these. Not grouped, so that a file's rows are found by its path.
create view fridge.rejected_rows as
select
    file_id,
    path,
    reason,
    1::bigint as row_count
from fridge.rejected_readings
union all
select
    file_id,
    path,
    reason,
    row_count
from fridge.rejected_not_kept;

comment on view fridge.rejected_rows is
'Every rejected row once: those that are kept with a count of 1, the others by file and reason. Add up row_count.';
