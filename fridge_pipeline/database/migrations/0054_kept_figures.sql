-- Figures that are kept beside the books by the hour, and how to know which of them are no longer what the books say.
-- Of which hours the figures that are kept beside the books are no longer what the books say. Each change of what they
-- are made of leaves its hours here in the same transaction, and whoever makes them anew removes only what was there in
-- the snapshot that they were made of. So who finds no row of an hour may read what is kept of it, and for every other
-- hour reads the books.
create table fridge.changed_hours (
    change_id bigint generated always as identity primary key,
    hour timestamptz not null
);

create index changed_hours_hour on fridge.changed_hours (hour);

comment on table fridge.changed_hours is
'One row per hour and statement that changed what kept figures are made of, until they are made anew.';
comment on column fridge.changed_hours.hour is 'The hour whose kept figures are not to be shown.';

insert into fridge.pipeline_rights (relation, deletes) values ('changed_hours', true);

-- In the owner's name: whoever signs a month or settles an exception writes nothing else. Its argument is the select of
-- the hours of some rows, with %1$s where these rows are named.
create function fridge.note_changed_hours() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'TRUNCATE' then
        insert into fridge.changed_hours (hour) select hour from fridge.known_hours() as known (hour);
        return null;
    end if;
    if tg_op <> 'INSERT' then
        execute 'insert into fridge.changed_hours (hour) ' || format(tg_argv[0], 'old_rows');
    end if;
    if tg_op <> 'DELETE' then
        execute 'insert into fridge.changed_hours (hour) ' || format(tg_argv[0], 'new_rows');
    end if;
    return null;
end;
$$;

-- Every hour between the first and the last that the books know.
create function fridge.known_hours() returns setof timestamptz
language sql stable as $$
    select hours.hour
    from (
        select
            least(
                (select min(hour) from fridge.usage), (select min(hour) from fridge.meter_events),
                (select min(landing_hour) from fridge.landing_files)
            ) as first_hour,
            greatest(
                (select max(hour) from fridge.usage), (select max(hour) from fridge.meter_events),
                (select max(landing_hour) from fridge.landing_files)
            ) as last_hour
    ) as bounds
    cross join lateral generate_series(bounds.first_hour, bounds.last_hour, interval '1 hour') as hours (hour);
$$;

revoke execute on function fridge.note_changed_hours() from public;

-- Has changes of a table noted; ``hours_of`` is the argument of note_changed_hours.
create procedure fridge.note_changes_of(relation text, events text[], hours_of text)
language plpgsql as $$
declare
    event text;
begin
    foreach event in array events loop
        execute format(
            'create trigger %1$s_changed_%2$s after %2$s on fridge.%1$I %3$s for each statement '
            'execute function fridge.note_changed_hours(%4$L)',
            relation, event,
            case event
                when 'insert' then 'referencing new table as new_rows'
                when 'update' then 'referencing old table as old_rows new table as new_rows'
                when 'delete' then 'referencing old table as old_rows'
            end,
            hours_of
        );
    end loop;
end;
$$;

call fridge.note_changes_of('usage', '{insert,update,delete,truncate}', 'select distinct hour from %1$s');
call fridge.note_changes_of('meter_events', '{insert,update}', 'select distinct hour from %1$s');
call fridge.note_changes_of(
    'exceptions', '{insert,update}', 'select distinct hour from %1$s where hour is not null'
);
call fridge.note_changes_of('stripe_sums', '{insert}', 'select distinct hour from %1$s');
call fridge.note_changes_of(
    'settlement_decisions', '{insert}', 'select distinct hour from %1$s where hour is not null'
);
call fridge.note_changes_of(
    'settlement_approvals', '{insert}',
    'select distinct decisions.hour from fridge.settlement_decisions as decisions '
    'inner join %1$s as approvals on decisions.settlement_id = approvals.settlement_id where decisions.hour is not null'
);
call fridge.note_changes_of('landing_files', '{insert}', 'select distinct landing_hour from %1$s');
call fridge.note_changes_of(
    'withdrawals', '{insert}',
    'select distinct landing_files.landing_hour from fridge.landing_files '
    'inner join %1$s as withdrawn on landing_files.file_id = withdrawn.file_id'
);
call fridge.note_changes_of(
    'counted_hours', '{insert,update,delete,truncate}', 'select distinct landing_hour from %1$s'
);
call fridge.note_changes_of(
    'model_hours', '{insert,update,delete}', 'select distinct hour from %1$s'
);
call fridge.note_changes_of(
    'meter_event_adjustments', '{insert,update}',
    'select distinct meter_events.hour from fridge.meter_events '
    'inner join %1$s as adjustments on meter_events.identifier = adjustments.identifier'
);
call fridge.note_changes_of(
    'stripe_day_reads', '{insert}',
    'select days.day::timestamp at time zone ''UTC'' + make_interval(hours => of_day.number) '
    'from (select distinct day from %1$s) as days cross join generate_series(0, 23) as of_day (number)'
);
call fridge.note_changes_of(
    'stripe_reconciliation', '{insert,update,delete}',
    'select days.day::timestamp at time zone ''UTC'' + make_interval(hours => of_day.number) '
    'from (select distinct day from %1$s) as days cross join generate_series(0, 23) as of_day (number)'
);
call fridge.note_changes_of(
    'month_signoffs', '{insert}',
    'select hours.hour from (select distinct month from %1$s) as months cross join lateral generate_series('
    'months.month::timestamp at time zone ''UTC'', '
    '(months.month + interval ''1 month'') at time zone ''UTC'' - interval ''1 hour'', interval ''1 hour'') '
    'as hours (hour)'
);
-- Whether a tenant has a customer says whether what is open without a tenant is about it.
call fridge.note_changes_of(
    'tenants', '{insert,update,delete}',
    'select distinct exceptions.hour from fridge.exceptions where exceptions.closed_at is null '
    'and exceptions.tenant_id is null and exceptions.hour is not null and exists (select 1 from %1$s)'
);
-- From when on usage is billed, and under which meter, is about every hour.
call fridge.note_changes_of(
    'billing_starts', '{insert}',
    'select hour from fridge.known_hours() as known (hour) where exists (select 1 from %1$s)'
);
call fridge.note_changes_of(
    'meters', '{insert,update,delete}',
    'select hour from fridge.known_hours() as known (hour) where exists (select 1 from %1$s)'
);

alter table fridge.sql_models drop constraint sql_models_materialized;
alter table fridge.sql_models add constraint sql_models_materialized check (
    materialized in ('view', 'table', 'increment', 'kept')
);
comment on column fridge.sql_models.materialized is 'view, table, increment or kept.';

-- Few days have hours that differ: whoever asks for an hour's finds them without the days.
create index stripe_reconciliation_hour on fridge.stripe_reconciliation (hour) where hour is not null;
