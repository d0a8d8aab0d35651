-- Which text of a model its view was made from: unchanged views are left alone.
create table fridge.sql_models (
    name text primary key,
    sha256 text not null,
    built_at timestamptz not null
);

comment on table fridge.sql_models is
'One row per SQL model whose view exists, with the hash of the text it was made from.';
