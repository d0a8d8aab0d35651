-- Numbers of rows are the database's: whoever chose the highest there is for a decision of its own had the last word
-- for ever, and whoever chose the next ones kept everybody else from deciding.
create function fridge.columns_to_insert(relation regclass) returns text
language sql stable as $$
    select case
        when bool_or(attidentity <> '')
            then '(' || string_agg(quote_ident(attname), ', ') filter (where attidentity = '') || ')'
    end
    from pg_attribute
    where attrelid = relation and attnum > 0 and not attisdropped;
$$;

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
