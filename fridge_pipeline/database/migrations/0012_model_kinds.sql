-- What the SQL models need besides the books: the catalogue's meters, and which hours an increment was made for.

-- A copy of the settings' catalogue, so that SQL can say under which meter usage is billed.
create table fridge.meters (
    event_name text primary key,
    measure text not null,
    formula text not null,
    "window" text not null,
    constraint meters_measure check (measure in ('inserted_count', 'active_sensors'))
);

create table fridge.model_hours (
    model text not null,
    hour timestamptz not null,
    built_at timestamptz not null,
    primary key (hour, model)
);

alter table fridge.sql_models add column materialized text not null default 'view';
alter table fridge.sql_models add column column_sources jsonb not null default '{}';
alter table fridge.sql_models add constraint sql_models_materialized check (
    materialized in ('view', 'table', 'increment')
);

-- All models were made from files with this hash: whoever opens the installation reads no model to know it.
create table fridge.sql_models_built (
    is_the_only_row boolean primary key default true,
    files_sha256 text not null,
    built_at timestamptz not null,
    constraint sql_models_built_one_row check (is_the_only_row)
);

comment on table fridge.meters is
'One row per meter of the catalogue in the settings, copied whenever the SQL models are brought up to date.';
comment on column fridge.meters.event_name is 'The Stripe event name.';
comment on column fridge.meters.measure is 'What is billed, inserted_count or active_sensors.';
comment on column fridge.meters.formula is 'How Stripe makes one number of several statements.';
comment on column fridge.meters."window" is 'hour when only the newest statement of an hour counts, else none.';
comment on table fridge.model_hours is
'One row per hour for which an increment of a SQL model was made, also when it brought no row.';
comment on column fridge.sql_models.column_sources is
'For each column the columns of tables and models that it is made of, as [table, column].';
comment on column fridge.sql_models.materialized is 'view, table or increment.';
comment on table fridge.sql_models_built is 'One row: the files that the SQL models were made from.';
comment on table fridge.sql_models is
'One row per SQL model that exists in the database, with the hash of the text it was made from.';

-- Its name is that of a model now.
alter index fridge.exceptions_open rename to exceptions_one_open;
