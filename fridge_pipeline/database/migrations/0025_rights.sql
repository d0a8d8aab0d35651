-- The pipeline gets the rights that its statements use, table by table and column by column, and no others.

-- Whatever is not in this list, the pipeline only reads. A migration that makes a table says here what it is for.
create table fridge.pipeline_rights (
    relation text primary key,
    inserts boolean not null default true,
    updates text[] not null default '{}',
    deletes boolean not null default false
);

-- What happened: written once.
insert into fridge.pipeline_rights (relation) values
('sensors'), ('landing_files'), ('landing_file_tenants'), ('stored_readings'), ('rejected_readings'),
('dropped_reading_counts'), ('withdrawals'), ('meter_event_attempts'), ('stripe_books'), ('stripe_readbacks'),
('stripe_error_reports'), ('stripe_error_samples'), ('stripe_reads'), ('month_signoffs'), ('releases'),
('evidence_packs'), ('runs'), ('billing_starts');

-- What goes on: written, and brought up to date in the columns that say how far it is.
insert into fridge.pipeline_rights (relation, updates) values
('tenants', '{*}'), -- all, because an import locks the table; a trigger keeps what it must not change
('landing_hours', '{listing_fingerprint, loaded_at, folder_version}'),
('exceptions', '{detail, closed_at}'),
('alerts', '{title, last_sent_at, newest_at, resolved_at}'),
(
    'meter_events',
    '{status, first_sent_at, last_sent_at, settled_at, attempts, http_status, request_id, answer}'
),
('meter_event_adjustments', '{status, first_sent_at, settled_at, attempts, http_status, request_id, answer}'),
('model_hours', '{built_at}');

-- One row each, which is there from the beginning.
insert into fridge.pipeline_rights (relation, inserts, updates) values
('stripe_pace', false, '{next_free_at}'),
('swept_catalogue', false, '{event_names, measures}');

-- What is worked out from what is stored elsewhere, and made anew when that has changed.
insert into fridge.pipeline_rights (relation, updates, deletes) values
('inserted_counts', '{inserted_count, computed_at}', true),
('active_sensors', '{active_sensors, computed_at}', true),
('counted_hours', '{files_hash, counted_at}', true),
('stripe_reconciliation', '{usage_value, ledger_value, detail, run_id}', true),
('meters', '{measure, formula, "window"}', true),
('marked_hours', '{}', true);

-- As before, by that list. Partitions are reached through their table alone, and models that are tables are filled.
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
    if to_regrole('fridge_finance') is not null then
        grant usage on schema fridge to fridge_finance;
        foreach mart in array marts loop
            execute format('grant select on fridge.%I to fridge_finance', mart);
        end loop;
    end if;
end;
$$;

-- What rights cannot say, and what the owner may not do either.

-- A sensor that is handed to another tenant takes its readings along.
create trigger sensors_append_only before update or delete on fridge.sensors
for each row execute function fridge.refuse_change();
create trigger sensors_no_truncate before truncate on fridge.sensors
for each statement execute function fridge.refuse_change();

create trigger tenants_no_delete before delete on fridge.tenants
for each row execute function fridge.refuse_change();
create trigger tenants_no_truncate before truncate on fridge.tenants
for each statement execute function fridge.refuse_change();
create trigger tenants_keep_their_id before update of tenant_id, created_at on fridge.tenants
for each row execute function fridge.refuse_change();

create trigger alerts_end_once before update on fridge.alerts
for each row when (old.resolved_at is not null) execute function fridge.refuse_change();

-- An exception is brought up to date while it is open, and closed once; what it is about never changes.
create function fridge.guard_exception() returns trigger
language plpgsql as $$
begin
    if old.closed_at is not null then
        raise exception 'exception % was closed at %: it stays as it was then', old.exception_id, old.closed_at
            using errcode = 'restrict_violation', hint = 'What goes on is a new exception.';
    end if;
    if (old.exception_id, old.kind, old.tenant_id, old.hour, old.subject, old.deadline_at, old.opened_at)
        is distinct from
        (new.exception_id, new.kind, new.tenant_id, new.hour, new.subject, new.deadline_at, new.opened_at)
    then
        raise exception 'exception % is about what it was opened for: only its detail and its end can change',
            old.exception_id
            using errcode = 'restrict_violation', hint = 'Close it, and open another one.';
    end if;
    return new;
end;
$$;

create trigger exceptions_guard before update on fridge.exceptions
for each row execute function fridge.guard_exception();

comment on table fridge.pipeline_rights is
'One row per table that the pipeline writes to: what it may do there. Everything else it only reads.';
comment on column fridge.pipeline_rights.relation is 'The table.';
comment on column fridge.pipeline_rights.inserts is 'Whether it adds rows.';
comment on column fridge.pipeline_rights.updates is 'The columns that it changes; * for all.';
comment on column fridge.pipeline_rights.deletes is 'Whether it removes rows; nothing that happened is removed.';
