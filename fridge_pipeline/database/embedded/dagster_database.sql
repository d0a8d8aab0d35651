-- Run at every start, as the superuser in Dagster's database: it belongs to daily work, with what an earlier version
-- made in it as the owner of the schema. Sequences go with their tables.
do $$
declare
    relation regclass;
begin
    if (select datdba = 'fridge_app'::regrole from pg_database where datname = current_database()) then
        return;
    end if;
    for relation in
        select oid from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')
    loop
        execute format('alter table %s owner to fridge_app', relation);
    end loop;
    execute format('alter database %I owner to fridge_app', current_database());
end;
$$;

-- A reader of the books has no business here; the metrics read three tables, which the services grant them.
revoke all on database fridge_dagster from public;
grant connect on database fridge_dagster to fridge, fridge_metrics;
