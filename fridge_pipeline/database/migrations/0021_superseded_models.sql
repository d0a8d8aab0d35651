-- During a rolling upgrade code of two versions works on one database. The older one must know that the models are
-- ahead of it, not behind it: else each would make its own models over the other's.
alter table fridge.sql_models_built add column superseded text[] not null default '{}';

comment on column fridge.sql_models_built.superseded is
'The files of earlier states: code that has them is older than the database, and leaves the models alone.';
