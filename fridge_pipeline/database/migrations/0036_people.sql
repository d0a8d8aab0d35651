-- People sign in with logins of their own and sign months by them; who did it is never again what somebody typed.

-- People sign in with logins of their own, each a member of the group of its role, and write their acts themselves:
-- into these tables, whose triggers stamp them. They read what finance reads, and write nothing else.
create table fridge.person_rights (
    relation text,
    role text,
    inserts boolean not null default true,
    updates boolean not null default false,
    primary key (relation, role),
    constraint person_rights_role check (role in ('preparer', 'approver', 'operator'))
);

comment on table fridge.person_rights is
'One row per table that people write their acts into, or must read for that, and role of people that may.';
comment on column fridge.person_rights.inserts is 'Whether they add rows.';
comment on column fridge.person_rights.updates is 'Whether they change rows: a trigger keeps what was.';
comment on column fridge.person_rights.relation is 'The table.';
comment on column fridge.person_rights.role is 'The members of the group fridge_ROLE.';

-- Brings the rights of all roles up to the tables that there are; a role that does not exist is left out. Run by the
-- owner after every change of the schema. Partitions are reached through their table alone, and models that are tables
-- are filled. Finance and the other people read what they are given the names of, and nothing else.
create or replace function fridge.grant_rights(marts text[]) returns void
language plpgsql set client_min_messages = warning as $$
declare
    relation record;
    mart text;
    groups text[] := array['fridge_finance', 'fridge_preparer', 'fridge_approver', 'fridge_operator'];
    reading text;
begin
    if to_regrole('fridge_pipeline') is not null then
        grant usage on schema fridge to fridge_pipeline;
        grant usage on all sequences in schema fridge to fridge_pipeline;
        grant execute on all functions in schema fridge to fridge_pipeline;
        revoke execute on function fridge.grant_rights(text[]) from fridge_pipeline;
        for relation in
            select
                pg_class.oid::regclass as name,
                pg_class.relispartition as is_partition,
                coalesce(rights.inserts, sql_models.name is not null) as inserts,
                coalesce(rights.deletes, sql_models.name is not null) as deletes,
                (
                    select string_agg(quote_ident(columns.name), ', ') from unnest(rights.updates) as columns (name)
                ) as updates
            from pg_class
            left join fridge.pipeline_rights as rights on pg_class.relname = rights.relation
            left join fridge.sql_models on pg_class.relname = sql_models.name and pg_class.relkind = 'r'
            where pg_class.relnamespace = 'fridge'::regnamespace and pg_class.relkind in ('r', 'p', 'v')
        loop
            execute format('revoke all on %s from fridge_pipeline', relation.name);
            continue when relation.is_partition;
            execute format('grant select on %s to fridge_pipeline', relation.name);
            if relation.inserts then
                execute format('grant insert on %s to fridge_pipeline', relation.name);
            end if;
            if relation.updates = '"*"' then
                execute format('grant update on %s to fridge_pipeline', relation.name);
            elsif relation.updates is not null then
                execute format('grant update (%s) on %s to fridge_pipeline', relation.updates, relation.name);
            end if;
            if relation.deletes then
                execute format('grant delete on %s to fridge_pipeline', relation.name);
            end if;
        end loop;
    end if;
    foreach reading in array groups loop
        continue when to_regrole(reading) is null;
        execute format('grant usage on schema fridge to %I', reading);
        for relation in
            select pg_class.oid::regclass as name
            from pg_class
            where pg_class.relnamespace = 'fridge'::regnamespace and pg_class.relkind in ('r', 'p', 'v')
        loop
            execute format('revoke all on %s from %I', relation.name, reading);
        end loop;
        foreach mart in array marts loop
            execute format('grant select on fridge.%I to %I', mart, reading);
        end loop;
        for relation in select * from fridge.person_rights where 'fridge_' || person_rights.role = reading loop
            execute format(
                'grant select%s%s on fridge.%I to %I', case when relation.inserts then ', insert' end,
                case when relation.updates then ', update' end, relation.relation, reading
            );
        end loop;
    end loop;
    -- An import of tenants is compared in a temporary table.
    if to_regrole('fridge_operator') is not null
        and pg_has_role((select datdba from pg_database where datname = current_database()), 'member')
    then
        execute format('grant temporary on database %I to fridge_operator', current_database());
    end if;
end;
$$;

-- Who may act, as what, and who said so. A login is a login of the server; what it is made of rules out that two of
-- them look alike. It is never given to another person: acts name it for ever.
create table fridge.people_changes (
    change_id bigint generated always as identity primary key,
    login text not null,
    role text not null,
    action text not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint people_changes_login check (
        login ~ '^[a-z][a-z0-9_]{0,62}$' and login !~ '^(fridge|pg_|postgres)'
    ),
    constraint people_changes_role check (role in ('preparer', 'approver', 'operator', 'reader')),
    constraint people_changes_action check (action in ('add', 'remove'))
);

create index people_changes_login on fridge.people_changes (login, role, change_id);

create trigger people_changes_append_only before update or delete on fridge.people_changes
for each row execute function fridge.refuse_change();
create trigger people_changes_no_truncate before truncate on fridge.people_changes
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.people_changes from current_user;
create trigger people_changes_stamp before insert on fridge.people_changes
for each row execute function fridge.stamp_act();

comment on table fridge.people_changes is
'One row per role that a person was given, or that was taken back. Append only.';
comment on column fridge.people_changes.login is 'The login of the person, and of nobody else.';
comment on column fridge.people_changes.role is
'preparer: prepares months, and asks to reopen them; approver: approves both; operator: releases, withdraws and '
'decides about switches; reader: reads.';
comment on column fridge.people_changes.action is 'add or remove.';
comment on column fridge.people_changes.acted_by is 'The login that changed it.';
comment on column fridge.people_changes.acted_at is 'When, by the database''s clock.';
comment on column fridge.people_changes.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.people_changes.os_host is 'Machine, as the session was told.';

create view fridge.people as
select
    login,
    role,
    acted_at as since,
    acted_by as added_by,
    os_user,
    os_host
from (
    select distinct on (login, role) *
    from fridge.people_changes
    order by login asc, role asc, change_id desc
) as newest
where action = 'add';

comment on view fridge.people is 'One row per person and role that the person has now.';
comment on column fridge.people.since is 'Since when.';
comment on column fridge.people.added_by is 'The login that gave it.';

-- A role is given once and taken back once; and two logins that a reader takes for one are refused.
create function fridge.guard_people_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    has_it boolean;
    twin text;
begin
    perform pg_advisory_xact_lock(hashtextextended('fridge.people', 0));
    has_it := exists (select 1 from fridge.people where people.login = new.login and people.role = new.role);
    if has_it = (new.action = 'add') then
        raise exception '% of the role % refused: % % it', new.action, new.role, new.login,
            case when has_it then 'has' else 'has not' end
            using errcode = 'restrict_violation';
    end if;
    select people_changes.login into twin from fridge.people_changes
    where people_changes.login <> new.login
        and translate(people_changes.login, '01_', 'ol') = translate(new.login, '01_', 'ol')
    limit 1;
    if twin is not null then
        raise exception '% looks like %, who is another person', new.login, twin
            using errcode = 'restrict_violation', hint = 'Choose a login that nobody takes for that one.';
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_people_change() from public;

create trigger people_changes_guard before insert on fridge.people_changes
for each row execute function fridge.guard_people_change();

-- Refuses an act of whoever is not signed in as a person with one of these roles: the pipeline, the owner of the
-- schema, a superuser. What a row says of itself counts nothing.
create function fridge.require_person(roles text[], act text) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (
        select 1 from fridge.people
        where people.login = session_user
            and people.role = any(roles)
            and pg_has_role(session_user, to_regrole('fridge_' || people.role), 'member')
    ) then
        raise exception '% refused: % is no person with the role %', act, session_user, array_to_string(roles, ' or ')
            using errcode = 'insufficient_privilege',
            hint = 'It takes the login of a person: fridge people list shows who may; name yourself with --as LOGIN.';
    end if;
end;
$$;
revoke execute on function fridge.require_person(text[], text) from public;

-- How an act is told: by the login; the name that was typed beside it is a label.
create function fridge.told_as(login text, label text) returns text
language sql immutable as $$
    select case
        when login is null then label || ' (login not recorded)'
        when label is null or label = login then login
        else login || ' (' || label || ')'
    end;
$$;

create or replace function fridge.wait_for_staging() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception '% on fridge.% refused in a transaction that is %', tg_op, tg_table_name,
            current_setting('transaction_isolation')
            using errcode = 'restrict_violation',
            hint = 'Whether a month is closed must be read as it is now: use a read committed transaction.';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('fridge.staging', 0));
    return null;
end;
$$;
revoke execute on function fridge.wait_for_staging() from public;

alter table fridge.month_signoffs
alter column signoff_id drop identity,
drop constraint month_signoffs_action,
drop constraint month_signoffs_reopened_for_a_reason,
add constraint month_signoffs_action check (action in ('prepare', 'approve', 'ask_to_reopen', 'reopen')),
add constraint month_signoffs_reopened_for_a_reason check (
    (action in ('ask_to_reopen', 'reopen')) = (reason is not null)
);

comment on table fridge.month_signoffs is
'One row per signature about a month: prepared, approved (it is closed), asked to reopen, or reopened. Append only.';
comment on column fridge.month_signoffs.signoff_id is
'Our number of it: one more than the one before, also of another month. What is missing was taken away.';
comment on column fridge.month_signoffs.action is
'prepare, approve, ask_to_reopen or reopen; a month is closed from approve to reopen.';

comment on column fridge.month_signoffs.signed_by is
'A label that was typed. Who signed is acted_by; approve takes another person than prepare, reopen than ask_to_reopen.';

comment on column fridge.month_signoffs.reason is 'Why it is reopened; empty otherwise.';

delete from fridge.pipeline_rights
where relation = 'month_signoffs';

insert into fridge.person_rights (relation, role) values
('month_signoffs', 'preparer'),
('month_signoffs', 'approver');

create or replace view fridge.closed_months as
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
create or replace function fridge.guard_month_signoff() returns trigger
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

drop function fridge.plain_name(text);

create or replace function fridge.refuse_closed_months() returns trigger
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

insert into fridge.person_rights (relation, role, inserts, updates) values
('tenants', 'operator', true, true),
('meter_events', 'operator', false, false); -- to whom a customer's usage was stated

alter table fridge.releases
add column acted_by text,
add column acted_at timestamptz,
add column os_user text,
add column os_host text;

comment on column fridge.releases.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.releases.acted_at is 'When, by the database''s clock.';
comment on column fridge.releases.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.releases.os_host is 'Machine, as the session was told.';

create trigger releases_stamp before insert on fridge.releases
for each row execute function fridge.stamp_act();

comment on column fridge.releases.released_by is 'A label that was typed. Who released it is acted_by.';

insert into fridge.person_rights (relation, role) values ('releases', 'operator');

-- Up to this usage of an hour one person releases alone. It is what a thousand sensors bring that measure every half
-- minute, with some to spare: a slip of one person costs no more than that.
create function fridge.released_alone_max() returns bigint
language sql immutable as $$
    select 150000::bigint;
$$;

-- Releases that let usage through. One above the bound does from the second on, by another person, for as much.
create view fridge.effective_releases as
select
    releases.tenant_id,
    releases.hour,
    releases.event_name,
    releases.value
from fridge.releases
where
    releases.value <= fridge.released_alone_max()
    or releases.acted_by is null
    or (
        releases.acted_by in (select people_changes.login from fridge.people_changes)
        and exists (
            select 1 from fridge.releases as others
            where
                others.tenant_id = releases.tenant_id
                and others.hour = releases.hour
                and others.event_name is not distinct from releases.event_name
                and others.value >= releases.value
                and others.acted_by <> releases.acted_by
                and others.acted_by in (select people_changes.login from fridge.people_changes)
        )
    );

comment on view fridge.effective_releases is
'One row per release that lets usage through: by one person up to a bound, above it by two with logins of their own.';

create or replace view fridge.released_usage as
select
    effective_releases.tenant_id,
    effective_releases.hour,
    effective_releases.event_name,
    usage.measure
from fridge.effective_releases
inner join fridge.usage
    on
        effective_releases.tenant_id = usage.tenant_id
        and effective_releases.hour = usage.hour
        and effective_releases.value >= usage.quantity;

-- In the owner's name: whoever withdraws a file writes nothing else.
create or replace function fridge.mark_withdrawn_hours() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into fridge.marked_hours (hour)
    select distinct landing_files.landing_hour
    from fridge.landing_files
    inner join new_rows on landing_files.file_id = new_rows.file_id;
    return null;
end;
$$;
revoke execute on function fridge.mark_withdrawn_hours() from public;

alter table fridge.withdrawals
add column acted_by text,
add column acted_at timestamptz,
add column os_user text,
add column os_host text;

comment on column fridge.withdrawals.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.withdrawals.acted_at is 'When, by the database''s clock.';
comment on column fridge.withdrawals.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.withdrawals.os_host is 'Machine, as the session was told.';

create trigger withdrawals_stamp before insert on fridge.withdrawals
for each row execute function fridge.stamp_act();

comment on column fridge.withdrawals.withdrawn_by is 'A label that was typed. Who withdrew it is acted_by.';

insert into fridge.person_rights (relation, role) values ('withdrawals', 'operator');

-- Switches that change what is billed, and what cannot be undone: each setting of one is a decision of somebody.
create table fridge.decisions (
    decision_id bigint generated always as identity primary key,
    subject text not null,
    setting text not null,
    reason text not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint decisions_subject check (subject in ('variance', 'meters', 'drop_readings')),
    constraint decisions_reason_not_empty check (reason ~ '\S')
);

create index decisions_newest on fridge.decisions (subject, decision_id);

create trigger decisions_append_only before update or delete on fridge.decisions
for each row execute function fridge.refuse_change();
create trigger decisions_no_truncate before truncate on fridge.decisions
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.decisions from current_user;
create trigger decisions_stamp before insert on fridge.decisions
for each row execute function fridge.stamp_act();

comment on table fridge.decisions is
'One row per setting of a switch that changes what is billed, and per decision to drop readings. Append only.';
comment on column fridge.decisions.subject is
'variance: what is done about usage far above its history; meters: the catalogue; drop_readings: months that go.';
comment on column fridge.decisions.setting is 'What it was set to.';
comment on column fridge.decisions.reason is 'Why; or by which variable a process was told.';
comment on column fridge.decisions.acted_by is 'The login that the database knew its session by.';
comment on column fridge.decisions.acted_at is 'When, by the database''s clock.';
comment on column fridge.decisions.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.decisions.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('decisions');
insert into fridge.person_rights (relation, role) values ('decisions', 'operator');

alter table fridge.runs
add column launched_by text,
add column acted_by text,
add column acted_at timestamptz,
add column os_user text,
add column os_host text;

comment on column fridge.runs.launched_by is
'Who launched it: a command and its user, a schedule or sensor, or whom the proxy before the UI named.';
comment on column fridge.runs.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.runs.acted_at is 'When, by the database''s clock.';
comment on column fridge.runs.os_user is 'User of the operating system that it worked as.';
comment on column fridge.runs.os_host is 'Machine that it worked on.';

create trigger runs_stamp before insert on fridge.runs
for each row execute function fridge.stamp_act();

alter table fridge.dropped_months
add column acted_by text,
add column acted_at timestamptz,
add column os_user text,
add column os_host text;

comment on column fridge.dropped_months.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.dropped_months.acted_at is 'When, by the database''s clock.';
comment on column fridge.dropped_months.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.dropped_months.os_host is 'Machine, as the session was told.';

create trigger dropped_months_stamp before insert on fridge.dropped_months
for each row execute function fridge.stamp_act();

alter table fridge.billing_starts
add column acted_by text,
add column acted_at timestamptz,
add column os_user text,
add column os_host text;

comment on column fridge.billing_starts.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.billing_starts.acted_at is 'When, by the database''s clock.';
comment on column fridge.billing_starts.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.billing_starts.os_host is 'Machine, as the session was told.';

create trigger billing_starts_stamp before insert on fridge.billing_starts
for each row execute function fridge.stamp_act();
