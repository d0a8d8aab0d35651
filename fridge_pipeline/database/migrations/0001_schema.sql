-- The first schema. Migrations are numbered, run once each in one transaction, and never edited after release.
create schema if not exists fridge;

comment on schema fridge is 'Usage billing: landing files, readings, usage, meter events and their receipts.';

-- Refuses any change to a row that has been written: what happened stays on record (law L7).
create function fridge.refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception '% on fridge.% refused: its rows are append only', tg_op, tg_table_name
        using errcode = 'restrict_violation',
        hint = 'Record a correction as a new row; nothing that was written is edited or deleted.';
end;
$$;

create table fridge.tenants (
    tenant_id text primary key,
    name text,
    -- Unique: on an hour-window meter, two tenants of one customer would overwrite each other's usage.
    stripe_customer_id text unique,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint tenants_tenant_id_not_empty check (tenant_id <> ''),
    constraint tenants_stripe_customer_id_not_empty check (stripe_customer_id <> '')
);

create table fridge.sensors (
    sensor_key integer generated always as identity primary key,
    tenant_id text not null,
    sensor_id text not null,
    constraint sensors_identity unique (tenant_id, sensor_id)
);

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
    -- One row per content of a file: two runs cannot both count it, a changed file gets a row of its own.
    constraint landing_files_content unique (path, content_hash),
    constraint landing_files_tie_out check (row_count = inserted_count + duplicate_count + rejected_count),
    constraint landing_files_counts check (
        inserted_count >= 0 and duplicate_count >= 0 and rejected_count >= 0
    ),
    constraint landing_files_status check (status in ('loaded', 'damaged', 'unreadable'))
);

create index landing_files_landing_hour on fridge.landing_files (landing_hour);

create trigger landing_files_append_only before update or delete on fridge.landing_files
for each row execute function fridge.refuse_change();
create trigger landing_files_no_truncate before truncate on fridge.landing_files
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.landing_files from current_user;

-- What the listing of a landing hour looked like when its files had all been loaded.
create table fridge.landing_hours (
    landing_hour timestamptz primary key,
    listing_fingerprint text not null,
    loaded_at timestamptz not null
);

-- The primary key is law L1. It leads with time because readings arrive in time order: a sorted COPY then
-- appends to the right end of the index. Keys are integers because text keys cost a quarter more space.
create table fridge.stored_readings (
    recorded_at timestamptz not null,
    temperature_c double precision not null,
    sensor_key integer not null,
    file_id integer not null,
    constraint stored_readings_pkey primary key (recorded_at, sensor_key)
) partition by range (recorded_at);

create trigger stored_readings_append_only before update or delete on fridge.stored_readings
for each row execute function fridge.refuse_change();
create trigger stored_readings_no_truncate before truncate on fridge.stored_readings
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stored_readings from current_user;

-- File ids rise as files are loaded, so a block range index finds the readings of an hour's files
-- at almost no cost to the load.
create index stored_readings_file_id on fridge.stored_readings
using brin (file_id) with (pages_per_range = 32, autosummarize = on);

-- Makes the monthly partition that holds a moment; does nothing where it exists. It attaches the partition
-- instead of creating it in place, because that does not wait for loads that are under way.
create function fridge.ensure_month(moment timestamptz) returns void
language plpgsql as $$
declare
    month_start timestamptz := date_trunc('month', moment, 'UTC');
    month_end timestamptz := date_trunc('month', month_start + interval '40 days', 'UTC');
    partition_name text := 'stored_readings_' || to_char(month_start at time zone 'UTC', 'YYYY_MM');
begin
    perform pg_advisory_xact_lock(hashtextextended(partition_name, 0));
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

create view fridge.readings as
select
    sensors.tenant_id,
    sensors.sensor_id,
    stored_readings.recorded_at,
    stored_readings.temperature_c,
    landing_files.landing_hour,
    landing_files.path,
    stored_readings.file_id
from fridge.stored_readings
inner join fridge.sensors on stored_readings.sensor_key = sensors.sensor_key
inner join fridge.landing_files on stored_readings.file_id = landing_files.file_id;

create table fridge.rejected_readings (
    file_id integer not null,
    path text not null,
    line bigint not null,
    reason text not null,
    raw text
);

create index rejected_readings_path on fridge.rejected_readings (path);

create trigger rejected_readings_append_only before update or delete on fridge.rejected_readings
for each row execute function fridge.refuse_change();
create trigger rejected_readings_no_truncate before truncate on fridge.rejected_readings
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.rejected_readings from current_user;

create table fridge.inserted_counts (
    tenant_id text not null,
    hour timestamptz not null,
    inserted_count bigint not null,
    computed_at timestamptz not null,
    primary key (tenant_id, hour),
    constraint inserted_counts_not_negative check (inserted_count >= 0)
);

create index inserted_counts_hour on fridge.inserted_counts (hour);

create table fridge.active_sensors (
    tenant_id text not null,
    hour timestamptz not null,
    active_sensors bigint not null,
    computed_at timestamptz not null,
    primary key (tenant_id, hour),
    constraint active_sensors_not_negative check (active_sensors >= 0)
);

create index active_sensors_hour on fridge.active_sensors (hour);

create table fridge.exceptions (
    exception_id bigint generated always as identity primary key,
    kind text not null,
    tenant_id text,
    hour timestamptz,
    subject text not null default '',
    detail text not null,
    deadline_at timestamptz,
    opened_at timestamptz not null,
    closed_at timestamptz,
    constraint exceptions_kind check (kind in (
        'unreadable_file', 'load_failed', 'unexpected_hour',
        'too_late', 'unmapped', 'refused', 'unexplained', 'credit_due', 'held_for_review'
    )),
    constraint exceptions_closed_after_opened check (closed_at >= opened_at)
);

-- The same difference is one open exception however often it is seen.
create unique index exceptions_open on fridge.exceptions (kind, tenant_id, hour, subject)
nulls not distinct where closed_at is null;

create trigger exceptions_no_delete before delete on fridge.exceptions
for each row execute function fridge.refuse_change();
create trigger exceptions_no_truncate before truncate on fridge.exceptions
for each statement execute function fridge.refuse_change();
revoke delete, truncate on fridge.exceptions from current_user;

comment on table fridge.tenants is 'One row per tenant: who is billed, and as which Stripe customer.';
comment on column fridge.tenants.stripe_customer_id is
'Empty until finance has made the customer; usage then waits as unmapped.';

comment on table fridge.sensors is
'One row per sensor of a tenant: the integer key under which its readings are stored.';

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

comment on table fridge.landing_hours is 'One row per landing hour whose files have all been loaded.';
comment on column fridge.landing_hours.listing_fingerprint is
'Changes when a file is added, removed, renamed or rewritten.';

comment on table fridge.stored_readings is
'One row per reading, by integer keys; partitioned by month. Read it through readings.';
comment on view fridge.readings is 'One row per reading, with its tenant, sensor, landing hour and landing file.';

comment on table fridge.rejected_readings is
'One row per row of a landing file that is no valid reading; append only.';
comment on column fridge.rejected_readings.line is 'Line in the file, or row of a parquet file, counted from 1.';
comment on column fridge.rejected_readings.raw is 'What the row said, at most 1,000 characters.';

comment on table fridge.inserted_counts is 'One row per tenant-hour with usage: readings stored for the first time.';
comment on table fridge.active_sensors is
'One row per tenant-hour with usage: distinct sensors with an inserted reading.';

comment on table fridge.exceptions is 'One row per difference that a person must see; closed, never deleted.';
comment on column fridge.exceptions.subject is
'What it is about within the tenant-hour: a path, a meter, an identifier.';
comment on column fridge.exceptions.deadline_at is 'Until when the usage can still be billed.';
