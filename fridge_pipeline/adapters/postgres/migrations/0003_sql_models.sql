-- Which text of a model its view was made from: unchanged views are left alone.
create table fridge.sql_models (
    name text primary key,
    sha256 text not null,
    built_at timestamptz not null
);
