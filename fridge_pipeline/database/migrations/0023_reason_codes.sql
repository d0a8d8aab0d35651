-- The kinds of exceptions and the causes of differences, as fridge_pipeline/reason_codes.py has them: the owner of the
-- schema writes them, together with the SQL models. What is not among them cannot be opened or written as a cause.
create table fridge.causes (
    cause text primary key,
    "position" integer not null,
    step text,
    is_explained boolean not null,
    words text not null,
    meaning text not null
);

create table fridge.exception_kinds (
    kind text primary key,
    "position" integer not null,
    means text not null,
    what_to_do text not null,
    subject text not null,
    cause text references fridge.causes (cause),
    waits boolean not null
);

-- What stands in the books already; the texts follow with the models.
insert into fridge.causes (cause, "position", is_explained, words, meaning)
select distinct
    cause,
    0 as "position",
    false as is_explained,
    '' as words,
    '' as meaning
from fridge.stripe_reconciliation
where cause is not null;

insert into fridge.exception_kinds (kind, "position", means, what_to_do, subject, waits)
select distinct
    kind,
    0 as "position",
    '' as means,
    '' as what_to_do,
    '' as subject,
    false as waits
from fridge.exceptions;

alter table fridge.exceptions drop constraint exceptions_kind;
alter table fridge.exceptions add constraint exceptions_kind
foreign key (kind) references fridge.exception_kinds (kind);
alter table fridge.stripe_reconciliation drop constraint stripe_reconciliation_cause;
alter table fridge.stripe_reconciliation add constraint stripe_reconciliation_cause
foreign key (cause) references fridge.causes (cause);

-- As before, and the new tables are the schema owner's.
create or replace function fridge.grant_rights(marts text[]) returns void
language plpgsql set client_min_messages = warning as $$
declare
    relation record;
    mart text;
begin
    if to_regrole('fridge_pipeline') is not null then
        grant usage on schema fridge to fridge_pipeline;
        grant usage on all sequences in schema fridge to fridge_pipeline;
        grant execute on all functions in schema fridge to fridge_pipeline;
        revoke execute on function fridge.grant_rights(text[]) from fridge_pipeline;
        for relation in
            select
                pg_class.oid::regclass as name,
                pg_class.relkind in ('r', 'p') as is_table,
                pg_class.relname in (
                    'schema_migrations', 'sql_models', 'sql_models_built', 'meter_event_transitions', 'causes',
                    'exception_kinds'
                ) as is_schema,
                coalesce(bool_or(pg_trigger.tgtype::integer & 16 <> 0), false) as refuses_update,
                coalesce(bool_or(pg_trigger.tgtype::integer & 8 <> 0), false) as refuses_delete
            from pg_class
            left join pg_trigger
                on pg_class.oid = pg_trigger.tgrelid and pg_trigger.tgfoid = 'fridge.refuse_change'::regproc
            where pg_class.relnamespace = 'fridge'::regnamespace and pg_class.relkind in ('r', 'p', 'v')
            group by pg_class.oid, pg_class.relkind, pg_class.relname
        loop
            execute format('revoke all on %s from fridge_pipeline', relation.name);
            execute format('grant select on %s to fridge_pipeline', relation.name);
            if relation.is_table and not relation.is_schema then
                execute format('grant insert on %s to fridge_pipeline', relation.name);
                if not relation.refuses_update then
                    execute format('grant update on %s to fridge_pipeline', relation.name);
                end if;
                if not relation.refuses_delete then
                    execute format('grant delete on %s to fridge_pipeline', relation.name);
                end if;
            end if;
        end loop;
    end if;
    if to_regrole('fridge_finance') is not null then
        grant usage on schema fridge to fridge_finance;
        foreach mart in array marts loop
            execute format('grant select on fridge.%I to fridge_finance', mart);
        end loop;
    end if;
end;
$$;

comment on table fridge.causes is 'One row per cause that a difference can have.';
comment on column fridge.causes."position" is 'The order in which causes are looked for.';
comment on column fridge.causes.step is
'Where the tie-out looks for it: files, usage, ledger or stripe; empty for what only the reconciliation finds.';
comment on column fridge.causes.is_explained is
'Whether it is known and waits for somebody or passes by itself, and is no error in the books.';
comment on column fridge.causes.words is 'In a few words.';
comment on column fridge.causes.meaning is 'In a sentence.';
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
