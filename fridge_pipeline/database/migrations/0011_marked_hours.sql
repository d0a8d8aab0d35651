-- Which hours the sweep has to compare. Each change of something it compares leaves a mark in the same transaction, and
-- a sweep removes only marks that it saw, of hours that it found delivered as they were then. So what an unmarked hour
-- holds is what was found delivered, and the sweep costs what has changed, not what there is.
create table fridge.marked_hours (
    mark_id bigint generated always as identity primary key,
    hour timestamptz not null
);

create index marked_hours_hour on fridge.marked_hours (hour);

-- What the hours were compared with; with another catalogue all are compared anew.
create table fridge.swept_catalogue (
    is_the_only_row boolean primary key default true,
    event_names text[] not null default '{}',
    measures text[] not null default '{}',
    constraint swept_catalogue_one_row check (is_the_only_row)
);
insert into fridge.swept_catalogue default values;

-- Marks the hours of the rows that a statement wrote or removed. An update may move a row from one hour to another.
create function fridge.mark_hours() returns trigger
language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        insert into fridge.marked_hours (hour) select distinct hour from old_rows where hour is not null;
    end if;
    if tg_op <> 'DELETE' then
        insert into fridge.marked_hours (hour) select distinct hour from new_rows where hour is not null;
    end if;
    return null;
end;
$$;

-- The same for tables that call it the landing hour.
create function fridge.mark_landing_hours() returns trigger
language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        insert into fridge.marked_hours (hour) select distinct landing_hour from old_rows;
    end if;
    if tg_op <> 'DELETE' then
        insert into fridge.marked_hours (hour) select distinct landing_hour from new_rows;
    end if;
    return null;
end;
$$;

-- Of statements only those count that are, or were, accepted; a new one never is.
create function fridge.mark_stated_hours() returns trigger
language plpgsql as $$
begin
    insert into fridge.marked_hours (hour)
    select hour from new_rows where status = 'accepted'
    union
    select hour from old_rows where status = 'accepted';
    return null;
end;
$$;

create function fridge.mark_withdrawn_hours() returns trigger
language plpgsql as $$
begin
    insert into fridge.marked_hours (hour)
    select distinct landing_files.landing_hour
    from fridge.landing_files
    inner join new_rows on landing_files.file_id = new_rows.file_id;
    return null;
end;
$$;

-- A table that is emptied has no rows to mark.
create function fridge.mark_all_hours() returns trigger
language plpgsql as $$
begin
    update fridge.swept_catalogue set event_names = '{}', measures = '{}';
    return null;
end;
$$;

create trigger inserted_counts_mark_insert after insert on fridge.inserted_counts
referencing new table as new_rows for each statement execute function fridge.mark_hours();
create trigger inserted_counts_mark_update after update on fridge.inserted_counts
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_hours();
create trigger inserted_counts_mark_delete after delete on fridge.inserted_counts
referencing old table as old_rows for each statement execute function fridge.mark_hours();
create trigger inserted_counts_mark_truncate after truncate on fridge.inserted_counts
for each statement execute function fridge.mark_all_hours();

create trigger active_sensors_mark_insert after insert on fridge.active_sensors
referencing new table as new_rows for each statement execute function fridge.mark_hours();
create trigger active_sensors_mark_update after update on fridge.active_sensors
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_hours();
create trigger active_sensors_mark_delete after delete on fridge.active_sensors
referencing old table as old_rows for each statement execute function fridge.mark_hours();
create trigger active_sensors_mark_truncate after truncate on fridge.active_sensors
for each statement execute function fridge.mark_all_hours();

create trigger counted_hours_mark_insert after insert on fridge.counted_hours
referencing new table as new_rows for each statement execute function fridge.mark_landing_hours();
create trigger counted_hours_mark_update after update on fridge.counted_hours
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_landing_hours();
create trigger counted_hours_mark_delete after delete on fridge.counted_hours
referencing old table as old_rows for each statement execute function fridge.mark_landing_hours();
create trigger counted_hours_mark_truncate after truncate on fridge.counted_hours
for each statement execute function fridge.mark_all_hours();

-- These are never emptied; of landing files, withdrawals and statements nothing is deleted, of exceptions neither.
create trigger exceptions_mark_insert after insert on fridge.exceptions
referencing new table as new_rows for each statement execute function fridge.mark_hours();
create trigger exceptions_mark_update after update on fridge.exceptions
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_hours();
create trigger landing_files_mark_insert after insert on fridge.landing_files
referencing new table as new_rows for each statement execute function fridge.mark_landing_hours();
create trigger withdrawals_mark_insert after insert on fridge.withdrawals
referencing new table as new_rows for each statement execute function fridge.mark_withdrawn_hours();
create trigger meter_events_mark_update after update on fridge.meter_events
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_stated_hours();

create index meter_event_adjustments_open on fridge.meter_event_adjustments (identifier)
where status in ('staged', 'sent', 'unknown');

comment on table fridge.marked_hours is
'One row per change of what the sweep compares, until a sweep has found its hour delivered.';
comment on column fridge.marked_hours.hour is 'The hour that is to be compared.';
comment on table fridge.swept_catalogue is 'One row: the meters that hours without a mark were found delivered with.';
comment on column fridge.swept_catalogue.event_names is 'Empty before the first sweep, which compares all hours.';
comment on column fridge.swept_catalogue.measures is 'In the order of the event names.';
