-- Tables and views of the schema without partitions and SQL models, each column with its type and meaning.
select
    pg_class.relname as table_name,
    case pg_class.relkind when 'v' then 'view' else 'table' end as kind,
    obj_description(pg_class.oid, 'pg_class') as table_meaning,
    pg_attribute.attname as column_name,
    format_type(pg_attribute.atttypid, pg_attribute.atttypmod) as column_type,
    pg_attribute.attnotnull as is_required,
    col_description(pg_class.oid, pg_attribute.attnum) as column_meaning
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
where
    pg_namespace.nspname = 'fridge'
    and pg_class.relkind in ('r', 'p', 'v')
    and not pg_class.relispartition
    and pg_class.relname not in (select sql_models.name from fridge.sql_models)
    and pg_attribute.attnum > 0
    and not pg_attribute.attisdropped
order by pg_class.relname, pg_attribute.attnum;
