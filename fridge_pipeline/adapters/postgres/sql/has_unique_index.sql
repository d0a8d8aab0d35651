-- A row if a unique index of a model is over exactly these columns.
with looked_at as (
    select format('fridge.%%I', %(relation)s::text)::regclass as relation
),

unique_indexes as (
    select
        pg_index.indexrelid,
        array_agg(pg_attribute.attname::text) as indexed
    from looked_at
    inner join pg_index on looked_at.relation = pg_index.indrelid
    inner join pg_attribute
        on pg_index.indrelid = pg_attribute.attrelid and pg_attribute.attnum = any(pg_index.indkey)
    where
        pg_index.indisunique
        and pg_index.indnullsnotdistinct
        and pg_index.indisvalid
        and pg_index.indpred is null
    group by pg_index.indexrelid
)

select 1
from unique_indexes
where indexed @> %(wanted)s::text[] and indexed <@ %(wanted)s::text[];
