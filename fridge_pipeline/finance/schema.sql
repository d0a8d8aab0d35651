-- Closing a month: two people sign its control totals, and from then on nothing more is stated to Stripe for its hours
-- until two people reopen it. The database refuses, whoever asks.
create table fridge.month_signoffs (
    signoff_id bigint primary key,
    month date not null,
    action text not null,
    signed_by text not null,
    reason text,
    control_totals jsonb,
    signed_at timestamptz not null,
    acted_by text,
    acted_at timestamptz,
    os_user text,
    os_host text,
    constraint month_signoffs_first_day check (
        month between '0001-01-01' and '9999-12-01' and extract(day from month) = 1
    ),
    constraint month_signoffs_time_readable check (fridge.is_readable(signed_at)),
    constraint month_signoffs_action check (action in ('prepare', 'approve', 'ask_to_reopen', 'reopen')),
    constraint month_signoffs_signed_by_not_empty check (signed_by ~ '\S'),
    constraint month_signoffs_reopened_for_a_reason check (
        (action in ('ask_to_reopen', 'reopen')) = (reason is not null)
    ),
    constraint month_signoffs_reason_not_empty check (reason ~ '\S'),
    constraint month_signoffs_prepared_with_totals check ((action = 'prepare') = (control_totals is not null)),
    constraint month_signoffs_after_the_month check (
        signed_at >= (month + interval '1 month') at time zone 'UTC'
    )
);

create index month_signoffs_month on fridge.month_signoffs (month, signoff_id);

create trigger month_signoffs_append_only before update or delete on fridge.month_signoffs
for each row execute function fridge.refuse_change();
create trigger month_signoffs_no_truncate before truncate on fridge.month_signoffs
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.month_signoffs from current_user;

comment on table fridge.month_signoffs is
'One row per signature about a month: prepared, approved (it is closed), asked to reopen, or reopened. Append only.';
comment on column fridge.month_signoffs.signoff_id is
'Our number of it: one more than the one before, also of another month. What is missing was taken away.';
comment on column fridge.month_signoffs.month is 'First day of the UTC month.';
comment on column fridge.month_signoffs.action is
'prepare, approve, ask_to_reopen or reopen; a month is closed from approve to reopen.';
comment on column fridge.month_signoffs.signed_by is
'A label that was typed. Who signed is acted_by; approve takes another person than prepare, reopen than ask_to_reopen.';
comment on column fridge.month_signoffs.reason is 'Why it is reopened; empty otherwise.';
comment on column fridge.month_signoffs.control_totals is
'What the month comes to, as prepared: per meter the sums of its signed hours, and of its landing files; else empty.';
comment on column fridge.month_signoffs.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.month_signoffs.acted_at is 'When, by the database''s clock.';
comment on column fridge.month_signoffs.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.month_signoffs.os_host is 'Machine, as the session was told.';

-- The pipeline signs nothing.
insert into fridge.person_rights (relation, role) values
('month_signoffs', 'preparer'),
('month_signoffs', 'approver');

create view fridge.closed_months as
select
    newest.month,
    newest.month::timestamp at time zone 'UTC' as starts_at,
    fridge.told_as(newest.acted_by, newest.signed_by) as closed_by,
    newest.signed_at as closed_at
from (
    select distinct on (month)
        month,
        action,
        signed_by,
        acted_by,
        signed_at
    from fridge.month_signoffs
    where action <> 'ask_to_reopen'
    order by month asc, signoff_id desc
) as newest
where newest.action = 'approve';

comment on view fridge.closed_months is
'One row per month that is closed now: nothing is stated to Stripe for its hours until it is reopened.';
comment on column fridge.closed_months.starts_at is 'Its first moment.';
comment on column fridge.closed_months.closed_by is 'Who approved it.';

create function fridge.month_is_closed(moment timestamptz) returns boolean
language sql stable as $$
    select exists (
        select 1 from fridge.closed_months
        where closed_months.starts_at = date_trunc('month', moment, 'UTC')
    );
$$;

-- The first month before another one that has usage which is billed, and is not closed; empty when there is none.
create function fridge.open_month_before(later date) returns date
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    later_start timestamptz := later::timestamp at time zone 'UTC';
    looked_at timestamptz := (select bill_from from fridge.billing_start);
begin
    loop
        select date_trunc('month', min(hour), 'UTC') into looked_at
        from fridge.usage
        where hour >= looked_at and hour < later_start;
        if looked_at is null then
            return null;
        end if;
        if not fridge.month_is_closed(looked_at) then
            return (looked_at at time zone 'UTC')::date;
        end if;
        looked_at := ((looked_at at time zone 'UTC') + interval '1 month') at time zone 'UTC';
    end loop;
end;
$$;
revoke execute on function fridge.open_month_before(date) from public;

-- Which sign-off may follow which, by whom, and when. In the owner's name, because who signs reads little.
create function fridge.guard_month_signoff() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    named text := to_char(new.month, 'YYYY-MM');
    newest fridge.month_signoffs;
    under_way bigint;
    in_the_way date;
begin
    -- Under the lock, and of nothing that a transaction which is rolled back uses up: so no number is missing.
    new.signoff_id := coalesce((select max(signoff_id) from fridge.month_signoffs), 0) + 1;
    perform fridge.require_person(
        array[case when new.action in ('prepare', 'ask_to_reopen') then 'preparer' else 'approver' end],
        format('%s of %s', new.action, named)
    );
    select * into newest from fridge.month_signoffs where month = new.month order by signoff_id desc limit 1;
    if (coalesce(newest.action, 'nothing'), new.action) not in (
        ('nothing', 'prepare'), ('prepare', 'prepare'), ('prepare', 'approve'), ('approve', 'ask_to_reopen'),
        ('ask_to_reopen', 'ask_to_reopen'), ('ask_to_reopen', 'reopen'), ('reopen', 'prepare')
    ) then
        raise exception '% of % refused: the last that was signed for it is %', new.action, named,
            coalesce(newest.action, 'nothing')
            using errcode = 'restrict_violation',
            hint = 'A month is prepared, approved (then it is closed), and may be reopened to be prepared again.';
    end if;
    if new.action in ('approve', 'reopen') and coalesce(newest.acted_by, session_user) = session_user then
        raise exception '% of % refused: the % before it is by %', new.action, named, newest.action,
            fridge.told_as(newest.acted_by, newest.signed_by)
            using errcode = 'restrict_violation',
            hint = 'It takes two different people, each with a login of their own.';
    end if;
    -- With 5 minutes between the clocks of two machines.
    if new.signed_at < newest.signed_at - interval '5 minutes' then
        raise exception '% of % refused: it is dated %, before the % that it follows', new.action, named,
            to_char(new.signed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), newest.action
            using errcode = 'restrict_violation', hint = 'Set the clock of the machine that signs.';
    end if;
    if new.action in ('prepare', 'approve') then
        in_the_way := fridge.open_month_before(new.month);
        if in_the_way is not null then
            raise exception '% of % refused: % has usage and is not closed', new.action, named,
                to_char(in_the_way, 'YYYY-MM')
                using errcode = 'restrict_violation', hint = 'Months are closed in their order: close that one first.';
        end if;
        select count(*) into under_way from fridge.statements_under_way
        where hour >= new.month::timestamp at time zone 'UTC'
            and hour < (new.month + interval '1 month') at time zone 'UTC';
        if under_way > 0 then
            raise exception '% of % refused: % statements of its hours are under way', new.action, named, under_way
                using errcode = 'restrict_violation', hint = 'Wait until Stripe has decided all of them.';
        end if;
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_month_signoff() from public;

create trigger month_signoffs_wait before insert on fridge.month_signoffs
for each statement execute function fridge.wait_for_staging();
create trigger month_signoffs_guard before insert on fridge.month_signoffs
for each row execute function fridge.guard_month_signoff();
create trigger month_signoffs_stamp before insert on fridge.month_signoffs
for each row execute function fridge.stamp_act();

-- Refuses statements, and cancellations of statements, of a closed month's hours: to make them, or to begin sending
-- them. Looks once for all rows that are written together, at their distinct hours.
create function fridge.refuse_closed_months() returns trigger
language plpgsql as $$
declare
    refused record;
begin
    if not exists (select 1 from fridge.closed_months) then
        return null;
    end if;
    if tg_table_name = 'meter_events' then
        select hours.hour, closed_months.* into refused
        from (select distinct hour from new_rows where tg_op = 'INSERT' or status = 'sent') as hours
        inner join fridge.closed_months on closed_months.starts_at = date_trunc('month', hours.hour, 'UTC')
        limit 1;
    else
        select meter_events.hour, closed_months.* into refused
        from new_rows
        inner join fridge.meter_events on meter_events.identifier = new_rows.identifier
        inner join fridge.closed_months on closed_months.starts_at = date_trunc('month', meter_events.hour, 'UTC')
        where tg_op = 'INSERT' or new_rows.status = 'sent'
        limit 1;
    end if;
    if found then
        raise exception '% on fridge.% for the hour % refused: % is closed, by % at %', lower(tg_op), tg_table_name,
            to_char(refused.hour at time zone 'UTC', 'YYYY-MM-DD-HH24:MI'), to_char(refused.month, 'YYYY-MM'),
            refused.closed_by, to_char(refused.closed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            using errcode = 'restrict_violation',
            hint = format(
                'Reopen it first: fridge reopen %s --as LOGIN --reason TEXT', to_char(refused.month, 'YYYY-MM')
            );
    end if;
    return null;
end;
$$;

create trigger meter_events_insert_in_open_months after insert on fridge.meter_events
referencing new table as new_rows for each statement execute function fridge.refuse_closed_months();
create trigger meter_events_send_in_open_months after update on fridge.meter_events
referencing new table as new_rows for each statement execute function fridge.refuse_closed_months();
create trigger meter_event_adjustments_insert_in_open_months after insert on fridge.meter_event_adjustments
referencing new table as new_rows for each statement execute function fridge.refuse_closed_months();
create trigger meter_event_adjustments_send_in_open_months after update on fridge.meter_event_adjustments
referencing new table as new_rows for each statement execute function fridge.refuse_closed_months();

-- What two people put their names to, hour by hour, written by the database itself when a month is prepared: nobody
-- else can write it, and nothing that changes later changes it. No foreign key: only a signature's trigger writes here.
create table fridge.signed_hours (
    signoff_id bigint not null,
    tenant_id text not null,
    meter text not null,
    hour timestamptz not null,
    file_rows bigint,
    inserted bigint,
    duplicates bigint,
    rejected bigint,
    derived_quantity numeric,
    usage_quantity numeric,
    stated_quantity numeric,
    invoiced_by_hand_quantity numeric,
    credited_quantity numeric,
    written_off_quantity numeric,
    stated_revision integer,
    stripe_quantity numeric,
    stripe_read_at timestamptz,
    difference_in_files numeric,
    difference_in_usage numeric,
    difference_in_ledger numeric,
    difference_in_stripe numeric,
    cause_in_files text,
    cause_in_usage text,
    cause_in_ledger text,
    cause_in_stripe text,
    cause text,
    amount numeric,
    status text not null,
    readings bigint,
    late_readings bigint,
    primary key (signoff_id, tenant_id, meter, hour)
);

-- Months are signed one after another, so a block range index finds one at almost no cost.
create index signed_hours_hour on fridge.signed_hours using brin (hour);

create trigger signed_hours_append_only before update or delete on fridge.signed_hours
for each row execute function fridge.refuse_change();
create trigger signed_hours_no_truncate before truncate on fridge.signed_hours
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.signed_hours from current_user;

-- Also the owner of the schema writes them in no other way than by signing.
create function fridge.refuse_unsigned_hours() returns trigger
language plpgsql as $$
begin
    if pg_trigger_depth() < 2 then
        raise exception 'insert on fridge.signed_hours refused: only the preparation of a month writes it'
            using errcode = 'restrict_violation';
    end if;
    return null;
end;
$$;

create trigger signed_hours_signed_only before insert on fridge.signed_hours
for each statement execute function fridge.refuse_unsigned_hours();

comment on table fridge.signed_hours is
'One row per tenant, meter and hour of each preparation of a month: the tie-out as it was signed. Append only.';
comment on column fridge.signed_hours.signoff_id is 'The preparation; the other columns are those of the tie-out.';
comment on column fridge.signed_hours.readings is 'The tenant''s readings of the hour, as derived in SQL.';
comment on column fridge.signed_hours.late_readings is
'Of these, readings recorded before the hour in which they arrived.';

-- One statement, so that all figures are of one moment: the hours, and the control totals that these come to. Whoever
-- signs may add to these, and not say otherwise. It works with the rights of the schema's owner, who alone writes them.
-- Dated before what it signs it would sign none of that: a pack ends at its time.
create function fridge.keep_signed_hours() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set work_mem = '64MB' as $$
declare
    starts_at constant timestamptz := new.month::timestamp at time zone 'UTC';
    ends_at constant timestamptz := (new.month + interval '1 month') at time zone 'UTC';
    totals jsonb;
    recorded_until timestamptz;
begin
    with kept as (
        insert into fridge.signed_hours
        select
            new.signoff_id,
            tie_out.tenant_id,
            tie_out.meter,
            tie_out.hour,
            tie_out.file_rows,
            tie_out.inserted,
            tie_out.duplicates,
            tie_out.rejected,
            tie_out.derived_quantity,
            tie_out.usage_quantity,
            tie_out.stated_quantity,
            tie_out.invoiced_by_hand_quantity,
            tie_out.credited_quantity,
            tie_out.written_off_quantity,
            tie_out.stated_revision,
            tie_out.stripe_quantity,
            tie_out.stripe_read_at,
            tie_out.difference_in_files,
            tie_out.difference_in_usage,
            tie_out.difference_in_ledger,
            tie_out.difference_in_stripe,
            tie_out.cause_in_files,
            tie_out.cause_in_usage,
            tie_out.cause_in_ledger,
            tie_out.cause_in_stripe,
            tie_out.cause,
            tie_out.amount,
            tie_out.status,
            usage_hourly.readings,
            usage_hourly.late_readings
        from fridge.tie_out
        left join (
            select * from fridge.usage_hourly
            where hour >= starts_at and hour < ends_at
        ) as usage_hourly
            on
                tie_out.tenant_id = usage_hourly.tenant_id
                and tie_out.meter = usage_hourly.meter
                and tie_out.hour = usage_hourly.hour
        where tie_out.hour >= starts_at and tie_out.hour < ends_at
        order by tie_out.tenant_id, tie_out.meter, tie_out.hour
        returning tenant_id, meter, usage_quantity, stated_quantity, stripe_quantity, stripe_read_at, status
    ),

    meters as (
        select
            meter,
            sum(usage_quantity) as usage,
            sum(stated_quantity) as stated,
            sum(stripe_quantity) as stripe,
            count(distinct tenant_id) filter (where usage_quantity is not null) as tenants,
            count(*) filter (where usage_quantity is not null) as tenant_hours,
            count(*) filter (where status = 'explained') as tenant_hours_explained,
            count(*) filter (where status = 'not_read') as tenant_hours_not_read
        from kept
        group by meter
    ),

    landed as (
        select
            count(*) as files,
            coalesce(sum(row_count), 0) as row_count,
            coalesce(sum(inserted_count), 0) as inserted_count,
            coalesce(sum(duplicate_count), 0) as duplicate_count,
            coalesce(sum(rejected_count), 0) as rejected_count,
            max(loaded_at) as loaded_until
        from fridge.landing_files
        where landing_hour >= starts_at and landing_hour < ends_at
    )

    select
        jsonb_build_object(
            'meters',
            coalesce(
                (
                    select
                        jsonb_object_agg(
                            meter,
                            coalesce(new.control_totals #> array['meters', meter], '{}') || to_jsonb(meters) - 'meter'
                        )
                    from meters
                ),
                '{}'
            ),
            'files', (select to_jsonb(landed) - 'loaded_until' from landed)
        ),
        greatest((select loaded_until from landed), (select max(stripe_read_at) from kept))
    into totals, recorded_until;
    if new.signed_at < recorded_until - interval '5 minutes' then
        raise exception 'prepare of % refused: it is dated %, and what it signs was recorded until %',
            to_char(new.month, 'YYYY-MM'), to_char(new.signed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
            to_char(recorded_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            using errcode = 'restrict_violation', hint = 'Set the clock of the machine that signs.';
    end if;
    new.control_totals := coalesce(new.control_totals, '{}') || totals;
    return new;
end;
$$;

revoke execute on function fridge.keep_signed_hours() from public;

create trigger month_signoffs_keep_figures before insert on fridge.month_signoffs
for each row when (new.action = 'prepare') execute function fridge.keep_signed_hours();

-- Whoever prepares a month looks at the hours that this signs, before it is on record.
insert into fridge.person_rights (relation, role, inserts) values ('signed_hours', 'preparer', false);

create view fridge.signed_months as
select
    newest.month,
    newest.month::timestamp at time zone 'UTC' as starts_at,
    prepared.signoff_id,
    newest.action = 'approve' as is_closed,
    prepared.signed_by as prepared_by,
    least(prepared.signed_at, prepared.acted_at + interval '5 minutes') as prepared_at,
    prepared.control_totals,
    case when newest.action = 'approve' then newest.signed_by end as approved_by,
    case when newest.action = 'approve' then newest.signed_at end as approved_at,
    coalesce(prepared.acted_at, prepared.signed_at) as acted_at
from (
    select distinct on (month)
        month,
        action,
        signed_by,
        signed_at
    from fridge.month_signoffs
    where action <> 'ask_to_reopen'
    order by month asc, signoff_id desc
) as newest
inner join lateral (
    select
        older.signoff_id,
        older.signed_by,
        older.signed_at,
        older.acted_at,
        older.control_totals
    from fridge.month_signoffs as older
    where older.month = newest.month and older.action = 'prepare'
    order by older.signoff_id desc
    limit 1
) as prepared on true
where newest.action <> 'reopen';

comment on view fridge.signed_months is
'One row per month whose figures are signed now: prepared, or closed, with the preparation that holds them.';
comment on column fridge.signed_months.starts_at is 'Its first moment.';
comment on column fridge.signed_months.signoff_id is 'The preparation whose figures stand.';
comment on column fridge.signed_months.prepared_at is
'When its figures were signed, as its signer said it, and no later than the database''s clock with 5 minutes between
the clocks: records of the pipeline that are later are not signed.';
comment on column fridge.signed_months.acted_at is
'When, by the database''s clock: acts of people, which have the same clock, are not signed where they are later.';

-- Evidence packs that were handed out: each names the manifest of the one before it, and the next finds it here.
create table fridge.evidence_packs (
    pack_id bigint generated always as identity primary key,
    month date not null,
    manifest_sha256 text not null,
    previous_sha256 text,
    made_at timestamptz not null,
    made_by text not null,
    run_id text,
    constraint evidence_packs_manifest unique (manifest_sha256),
    constraint evidence_packs_month check (extract(day from month) = 1),
    constraint evidence_packs_sha256 check (manifest_sha256 ~ '^[0-9a-f]{64}$' and previous_sha256 ~ '^[0-9a-f]{64}$')
);

create trigger evidence_packs_append_only before update or delete on fridge.evidence_packs
for each row execute function fridge.refuse_change();
create trigger evidence_packs_no_truncate before truncate on fridge.evidence_packs
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.evidence_packs from current_user;

comment on table fridge.evidence_packs is
'One row per evidence pack of a closed month that was made; append only. Drafts are not in it.';
comment on column fridge.evidence_packs.month is 'First day of the UTC month.';
comment on column fridge.evidence_packs.manifest_sha256 is
'SHA-256 of its MANIFEST.sha256, and by that of everything in it.';
comment on column fridge.evidence_packs.previous_sha256 is
'The manifest of the pack it is chained to; empty in the first one.';
comment on column fridge.evidence_packs.made_by is 'Who made it, a login name or a program.';
comment on column fridge.evidence_packs.run_id is 'The Dagster run that made it; empty when it was made by command.';

insert into fridge.pipeline_rights (relation) values ('evidence_packs');

-- How times and truth values stand in the CSV files of a pack: ISO 8601 in UTC, true and false.
create function fridge.csv_text(moment timestamptz) returns text
language sql stable as $$
    select replace(to_json(moment at time zone 'UTC') #>> array[]::text[] || 'Z', 'infinityZ', 'infinity');
$$;

create function fridge.csv_text(answer boolean) returns text
language sql immutable as $$
    select answer::text;
$$;

-- A text that begins as a spreadsheet's formula does, or with the mark itself, gets the mark before it.
create function fridge.csv_text(words text) returns text
language sql immutable as $$
    select case
        when left(words, 1) in ('=', '+', '-', '@', chr(9), chr(10), chr(13), chr(39)) then chr(39) || words
        else words
    end;
$$;

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
    'meter_starts', '{insert}',
    'select hour from fridge.known_hours() as known (hour) where exists (select 1 from %1$s)'
);
call fridge.note_changes_of(
    'meter_turns', '{insert}',
    'select hour from fridge.known_hours() as known (hour) where exists (select 1 from %1$s)'
);
call fridge.note_changes_of(
    'billing_starts', '{insert}',
    'select hour from fridge.known_hours() as known (hour) where exists (select 1 from %1$s)'
);
call fridge.note_changes_of(
    'meters', '{insert,update,delete}',
    'select hour from fridge.known_hours() as known (hour) where exists (select 1 from %1$s)'
);
