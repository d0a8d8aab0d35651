-- What the database itself enforces, table by table.
select
    pg_class.relname as table_name,
    pg_constraint.conname as name,
    pg_get_constraintdef(pg_constraint.oid) as definition
from pg_constraint
inner join pg_class on pg_constraint.conrelid = pg_class.oid
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    pg_namespace.nspname = 'fridge'
    and pg_constraint.contype in ('p', 'u', 'c')
    and not pg_class.relispartition

union all

select
    tablename as table_name,
    indexname as name,
    regexp_replace(indexdef, '^.* USING ', 'index using ') as definition
from pg_indexes
where schemaname = 'fridge' and indexname like '%%open'

union all

select
    pg_class.relname as table_name,
    pg_trigger.tgname as name,
    'trigger ' || pg_proc.proname as definition
from pg_trigger
inner join pg_class on pg_trigger.tgrelid = pg_class.oid
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
inner join pg_proc on pg_trigger.tgfoid = pg_proc.oid
where pg_namespace.nspname = 'fridge' and not pg_trigger.tgisinternal
order by table_name, name;
