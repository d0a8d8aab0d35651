-- The metrics sign in as a role of their own, which reads what they show.

-- Prometheus' numbers are read by a login that reads these and writes nothing.
create table fridge.metrics_reads (
    relation text primary key
);

comment on table fridge.metrics_reads is 'One row per table or view that `fridge metrics` reads.';
comment on column fridge.metrics_reads.relation is 'The table or view.';

insert into fridge.metrics_reads (relation)
values
('billing_start'),
('evidence_packs'),
('exception_kinds'),
('hours_to_count'),
('invoice_day_reads'),
('invoice_line_snapshots'),
('invoice_snapshots'),
('invoices'),
('landing_files'),
('marked_hours'),
('meter_event_adjustments'),
('meter_event_attempts'),
('meter_events'),
('open_exceptions'),
('prices'),
('settled_usage'),
('stated_usage'),
('statements_under_way'),
('stripe_pace'),
('stripe_reads'),
('stripe_uses'),
('tenants'),
('usage');

-- Brings the rights of all roles up to the tables that there are; a role that does not exist is left out. Run by the
-- owner after every change of the schema. Partitions are reached through their table alone, and models that are tables
-- are filled. Finance and the other people read what they are given the names of, the metrics what they show, and
-- nothing else.
create or replace function fridge.grant_rights(marts text[]) returns void
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
