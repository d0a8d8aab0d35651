-- What the pipeline and finance may do. Whoever runs the migrations owns the schema; both roles own nothing.

create function fridge.summarize_block_ranges() returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(sum(brin_summarize_new_values(relid)), 0)
    from pg_partition_tree('fridge.stored_readings_file_id')
    where isleaf;
$$;

-- The pipeline changes no schema: these few changes are the owner's, made in its name.
alter function fridge.ensure_month(timestamptz) security definer set search_path = pg_catalog, pg_temp;
alter function fridge.drop_month(timestamptz, text, timestamptz) security definer set search_path = pg_catalog, pg_temp;
revoke execute on function
fridge.summarize_block_ranges(), fridge.ensure_month(timestamptz), fridge.drop_month(timestamptz, text, timestamptz)
from public;

-- Brings the rights of both roles up to the tables that there are; a role that does not exist is left out. Run by the
-- owner after every change of the schema. What a trigger refuses everybody, the pipeline has no right to either.
create function fridge.grant_rights(marts text[]) returns void
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
                    'schema_migrations', 'sql_models', 'sql_models_built', 'meter_event_transitions'
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
revoke execute on function fridge.grant_rights(text[]) from public;
