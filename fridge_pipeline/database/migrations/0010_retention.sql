-- Retention: whole months of readings are dropped, never single rows, and what is older than the readings that are kept
-- is never stored again, so a very late copy of a dropped reading cannot count a second time (law L1).
create table fridge.dropped_months (
    month timestamptz primary key,
    size_bytes bigint not null,
    dropped_by text not null,
    dropped_at timestamptz not null
);

create trigger dropped_months_append_only before update or delete on fridge.dropped_months
for each row execute function fridge.refuse_change();
create trigger dropped_months_no_truncate before truncate on fridge.dropped_months
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.dropped_months from current_user;

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

-- The first moment of which readings are kept; empty while nothing was dropped.
create function fridge.kept_from() returns timestamptz
language sql stable as $$
    select date_trunc('month', max(month) + interval '40 days', 'UTC') from fridge.dropped_months;
$$;

create or replace function fridge.ensure_month(moment timestamptz) returns void
language plpgsql as $$
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
language plpgsql as $$
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

comment on table fridge.dropped_months is 'One row per month whose readings were dropped; append only.';
comment on column fridge.dropped_months.size_bytes is 'What its readings and their index took.';
comment on table fridge.dropped_reading_counts is
'One row per landing file, sensor and dropped month: readings that arrived so late that their hour can still change.';
