-- The ground of the schema: who may write what, what append only means, exceptions and their reason codes, SQL models.
-- The files schema.sql, one per feature, show the schema as it is now: a new database is made by them. How one that is
-- there already gets there, database/migrations says. `fridge db schema` lists all tables.

create schema if not exists fridge;

comment on schema fridge is 'Usage billing: landing files, readings, usage, meter events and their receipts.';

-- The pipeline gets the rights that its statements use, table by table and column by column, and no others. Whatever is
-- not in this list, it only reads. Beside each table stands what it may do there.
create table fridge.pipeline_rights (
    relation text primary key,
    inserts boolean not null default true,
    updates text[] not null default '{}',
    deletes boolean not null default false
);

comment on table fridge.pipeline_rights is
'One row per table that the pipeline writes to: what it may do there. Everything else it only reads.';
comment on column fridge.pipeline_rights.relation is 'The table.';
comment on column fridge.pipeline_rights.inserts is 'Whether it adds rows.';
comment on column fridge.pipeline_rights.updates is 'The columns that it changes; * for all.';
comment on column fridge.pipeline_rights.deletes is 'Whether it removes rows; nothing that happened is removed.';

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

-- Prometheus' numbers are read by a login that reads these and writes nothing.
create table fridge.metrics_reads (
    relation text primary key
);

comment on table fridge.metrics_reads is 'One row per table or view that `fridge metrics` reads.';
comment on column fridge.metrics_reads.relation is 'The table or view.';

insert into fridge.metrics_reads (relation)
values
('billed_hours'),
('billing_start'),
('evidence_packs'),
('exception_kinds'),
('hours_to_count'),
('invoice_day_reads'),
('invoice_line_snapshots'),
('invoice_snapshots'),
('invoices'),
('known_meters'),
('landing_files'),
('marked_hours'),
('meter_event_adjustments'),
('meter_event_attempts'),
('meter_events'),
('meter_starts'),
('meter_turns'),
('open_exceptions'),
('prices'),
('sent_meters'),
('settled_usage'),
('stated_usage'),
('statements_under_way'),
('stripe_pace'),
('stripe_reads'),
('stripe_uses'),
('tenants'),
('usage');

-- Adds up the few values of a group that are there: the first stands for the sum until a second comes. PostgreSQL's own
-- sum begins with the first row, be it empty, and holds what it adds for ever so many.
create aggregate fridge.total (numeric)(
    sfunc = numeric_add, stype = numeric, combinefunc = numeric_add, parallel = safe
);
create aggregate fridge.total (bigint)(
    sfunc = int8pl, stype = bigint, combinefunc = int8pl, parallel = safe
);

-- Refuses any change to a row that has been written: what happened stays on record (law L7).
create function fridge.refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception '% on fridge.% refused: its rows are append only', tg_op, tg_table_name
        using errcode = 'restrict_violation',
        hint = 'Record a correction as a new row; nothing that was written is edited or deleted.';
end;
$$;

-- Who did it, and when (law L15): never what a program says, but as whom it signed in, by the clock of the database.
-- Every table of acts of a person has these four columns, and this trigger before insert. The operating system's user
-- and host are what the session was told: they say where to ask, and prove nothing.
create function fridge.stamp_act() returns trigger
language plpgsql as $$
begin
    new.acted_by := session_user;
    new.acted_at := clock_timestamp();
    new.os_user := nullif(current_setting('fridge.os_user', true), '');
    new.os_host := nullif(current_setting('fridge.os_host', true), '');
    return new;
end;
$$;

-- A time that the program can read. What a person has written stays for ever, and what nobody can read would stop
-- whoever comes across it.
create function fridge.is_readable(moment timestamptz) returns boolean
language sql immutable as $$
    select moment between '0001-01-01 00:00+00' and '9999-12-31 00:00+00';
$$;

-- Where a row may be written to: everywhere but in its number, which is the database's. Whoever chose the highest there
-- is for a decision of its own would have the last word for ever.
create function fridge.columns_to_insert(relation regclass) returns text
language sql stable as $$
    select case
        when bool_or(attidentity <> '')
            then '(' || string_agg(quote_ident(attname), ', ') filter (where attidentity = '') || ')'
    end
    from pg_attribute
    where attrelid = relation and attnum > 0 and not attisdropped;
$$;

-- Brings the rights of all roles up to the tables that there are; a role that does not exist is left out. Run by the
-- owner after every change of the schema. Partitions are reached through their table alone, and models that are tables
-- are filled. Finance and the other people read what they are given the names of, the metrics what they show, and
-- nothing else.
create function fridge.grant_rights(marts text[]) returns void
language plpgsql set client_min_messages = warning as $$
declare
    relation record;
    mart text;
    groups text[] := array[
        'fridge_finance', 'fridge_preparer', 'fridge_approver', 'fridge_operator', 'fridge_metrics'
    ];
    reading text;
begin
    if to_regrole('fridge_pipeline') is not null then
        grant usage on schema fridge to fridge_pipeline;
        grant usage on all sequences in schema fridge to fridge_pipeline;
        -- Not those of triggers: in the owner's name they would run for a table of its own as well, and triggers need no
        -- right of whoever writes.
        revoke execute on all functions in schema fridge from fridge_pipeline;
        for relation in
            select oid::regprocedure as name
            from pg_proc
            where pronamespace = 'fridge'::regnamespace and prosecdef and prorettype <> 'trigger'::regtype
        loop
            execute format('grant execute on function %s to fridge_pipeline', relation.name);
        end loop;
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
                execute format(
                    'grant insert %s on %s to fridge_pipeline', fridge.columns_to_insert(relation.name), relation.name
                );
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
        foreach mart in array
            case
                when reading = 'fridge_metrics' then array(select metrics_reads.relation from fridge.metrics_reads)
                else marts
            end
        loop
            execute format('grant select on fridge.%I to %I', mart, reading);
        end loop;
        for relation in select * from fridge.person_rights where 'fridge_' || person_rights.role = reading loop
            execute format(
                'grant select%s%s on fridge.%I to %I',
                case
                    when relation.inserts
                        then concat(', insert ', fridge.columns_to_insert(format('fridge.%I', relation.relation)::regclass))
                end,
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
revoke execute on function fridge.grant_rights(text[]) from public;

-- The kinds of exceptions and the causes of differences, as fridge_pipeline/reason_codes.py has them: the owner of the
-- schema writes them, together with the SQL models. What is not among them cannot be opened or written as a cause.
create table fridge.causes (
    cause text primary key,
    "position" integer not null,
    step text,
    is_explained boolean not null,
    words text not null,
    meaning text not null,
    outcome text not null default 'recoverable',
    expires boolean not null default true,
    is_delivered_next boolean not null default false
);

comment on table fridge.causes is 'One row per cause that a difference can have.';
comment on column fridge.causes."position" is 'The order in which causes are looked for.';
comment on column fridge.causes.step is
'Where the tie-out looks for it: files, usage, ledger or stripe; empty for what only the reconciliation finds.';
comment on column fridge.causes.is_explained is
'Whether it is known and waits for somebody or passes by itself, and is no error in the books.';
comment on column fridge.causes.words is 'In a few words.';
comment on column fridge.causes.meaning is 'In a sentence.';
comment on column fridge.causes.outcome is
'What has become of the usage that Stripe does not have for it: billed, recoverable, lost or elsewhere.';
comment on column fridge.causes.expires is 'Whether usage of an hour that Stripe takes no more is lost by it.';
comment on column fridge.causes.is_delivered_next is
'Whether it waits for no person: the next run, or Stripe''s next sums, end it.';

create table fridge.exception_kinds (
    kind text primary key,
    "position" integer not null,
    means text not null,
    what_to_do text not null,
    subject text not null,
    cause text references fridge.causes (cause),
    waits boolean not null,
    withholds boolean not null default false,
    ends text[] not null default '{}'
);

comment on table fridge.exception_kinds is 'One row per kind that an exception can be of.';
comment on column fridge.exception_kinds."position" is 'The order in which the tie-out asks for open ones.';
comment on column fridge.exception_kinds.means is 'What has happened.';
comment on column fridge.exception_kinds.what_to_do is 'What to do about it; docs/runbook.md has the long form.';
comment on column fridge.exception_kinds.subject is
'What exceptions.subject names: a folder, a file, a meter, a statement, or the usage of the tenant-hour.';
comment on column fridge.exception_kinds.cause is
'What a difference between usage and ledger is called while one is open; empty where it explains none.';
comment on column fridge.exception_kinds.waits is
'Whether the sweep leaves the usage alone until a person, or time, ends what stands in its way.';
comment on column fridge.exception_kinds.withholds is
'Whether it says of a meter, while one is open, why usage was not even stated.';

comment on column fridge.exception_kinds.ends is
'How a person may end one by a settlement; empty where it ends by itself once what_to_do is done.';

-- An exception is brought up to date while it is open, and closed once; what it is about never changes. What waits in a
-- closed month may turn from usage into a credit, and back: usage can be stated for 35 days, a credit has no last day.
create function fridge.guard_exception() returns trigger
language plpgsql as $$
begin
    if old.closed_at is not null then
        raise exception 'exception % was closed at %: it stays as it was then', old.exception_id, old.closed_at
            using errcode = 'restrict_violation', hint = 'What goes on is a new exception.';
    end if;
    if (old.exception_id, old.kind, old.tenant_id, old.hour, old.subject, old.opened_at)
        is distinct from
        (new.exception_id, new.kind, new.tenant_id, new.hour, new.subject, new.opened_at)
    then
        raise exception 'exception % is about what it was opened for: only its detail, figure, deadline and end change',
            old.exception_id
            using errcode = 'restrict_violation', hint = 'Close it, and open another one.';
    end if;
    return new;
end;
$$;

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
    owed bigint,
    not_invoiced numeric,
    amount bigint,
    currency text,
    constraint exceptions_kind foreign key (kind) references fridge.exception_kinds (kind),
    constraint exceptions_closed_after_opened check (closed_at >= opened_at)
);

-- The same difference is one open exception however often it is seen.
create unique index exceptions_one_open on fridge.exceptions (kind, tenant_id, hour, subject)
nulls not distinct where closed_at is null;

create trigger exceptions_guard before update on fridge.exceptions
for each row execute function fridge.guard_exception();

create trigger exceptions_no_delete before delete on fridge.exceptions
for each row execute function fridge.refuse_change();
create trigger exceptions_no_truncate before truncate on fridge.exceptions
for each statement execute function fridge.refuse_change();
revoke delete, truncate on fridge.exceptions from current_user;

comment on table fridge.exceptions is 'One row per difference that a person must see; closed, never deleted.';
comment on column fridge.exceptions.subject is
'What it is about within the tenant-hour: a path, a meter, an identifier.';
comment on column fridge.exceptions.deadline_at is 'Until when the usage can still be billed.';
comment on column fridge.exceptions.owed is
'For a meter''s usage that waits: usage minus what Stripe has, when it was last judged; empty for everything else.';
comment on column fridge.exceptions.not_invoiced is
'For what is wrong on invoices: usage that no invoice bills and no correction; below 0 where too much is billed.';
comment on column fridge.exceptions.amount is 'What that costs, in minor units; empty where no price says so.';

insert into fridge.pipeline_rights (relation, updates)
values ('exceptions', '{detail, owed, not_invoiced, amount, currency, deadline_at, closed_at}');

create view fridge.open_exceptions as
select *
from fridge.exceptions
where closed_at is null;

comment on view fridge.open_exceptions is 'One row per exception that is not closed.';

-- Which text of a model was made: unchanged views are left alone.
create table fridge.sql_models (
    name text primary key,
    sha256 text not null,
    built_at timestamptz not null,
    materialized text not null default 'view',
    column_sources jsonb not null default '{}',
    constraint sql_models_materialized check (
        materialized in ('view', 'table', 'increment', 'kept')
    )
);

comment on table fridge.sql_models is
'One row per SQL model that exists in the database, with the hash of the text it was made from.';
comment on column fridge.sql_models.column_sources is
'For each column the columns of tables and models that it is made of, as [table, column].';
comment on column fridge.sql_models.materialized is 'view, table, increment or kept.';

-- All models were made from files with this hash: whoever opens the installation reads no model to know it. During a
-- rolling upgrade code of two versions works on one database: the older one must know that the models are ahead of it.
create table fridge.sql_models_built (
    is_the_only_row boolean primary key default true,
    files_sha256 text not null,
    built_at timestamptz not null,
    superseded text[] not null default '{}',
    constraint sql_models_built_one_row check (is_the_only_row)
);

comment on table fridge.sql_models_built is 'One row: the files that the SQL models were made from.';
comment on column fridge.sql_models_built.superseded is
'The files of earlier states: code that has them is older than the database, and leaves the models alone.';

create table fridge.model_hours (
    model text not null,
    hour timestamptz not null,
    built_at timestamptz not null,
    primary key (hour, model)
);

comment on table fridge.model_hours is
'One row per hour for which an increment of a SQL model was made, also when it brought no row.';

insert into fridge.pipeline_rights (relation, updates) values ('model_hours', '{built_at}');

-- Which code made a number: every run says what it is before it does anything.
create table fridge.runs (
    run_id text primary key,
    program_version text not null,
    source_sha256 text not null,
    started_at timestamptz not null,
    launched_by text,
    acted_by text,
    acted_at timestamptz,
    os_user text,
    os_host text
);

create trigger runs_append_only before update or delete on fridge.runs
for each row execute function fridge.refuse_change();
create trigger runs_no_truncate before truncate on fridge.runs
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.runs from current_user;

create trigger runs_stamp before insert on fridge.runs
for each row execute function fridge.stamp_act();

comment on table fridge.runs is
'One row per Dagster run that opened the books, with the code it ran; append only. Earlier ones are not recorded.';
comment on column fridge.runs.program_version is 'Version of the package.';
comment on column fridge.runs.source_sha256 is 'Hash over all its source files and SQL models.';
comment on column fridge.runs.launched_by is
'Who launched it: a command and its user, a schedule or sensor, or whom the proxy before the UI named.';
comment on column fridge.runs.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.runs.acted_at is 'When, by the database''s clock.';
comment on column fridge.runs.os_user is 'User of the operating system that it worked as.';
comment on column fridge.runs.os_host is 'Machine that it worked on.';

insert into fridge.pipeline_rights (relation) values ('runs');

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
