-- Finance keeps no right that it was once given and is not given now.

-- Brings the rights of both roles up to the tables that there are; a role that does not exist is left out. Run by the
-- owner after every change of the schema. Partitions are reached through their table alone, and models that are tables
-- are filled. Finance reads what it is given the names of, and nothing else.
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
        for relation in
            select pg_class.oid::regclass as name
            from pg_class
            where pg_class.relnamespace = 'fridge'::regnamespace and pg_class.relkind in ('r', 'p', 'v')
        loop
            execute format('revoke all on %s from fridge_finance', relation.name);
        end loop;
        foreach mart in array marts loop
            execute format('grant select on fridge.%I to fridge_finance', mart);
        end loop;
    end if;
end;
$$;
