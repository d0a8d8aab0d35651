-- Which kinds keep usage from being stated: fridge_pipeline/reason_codes.py says it, once.
alter table fridge.exception_kinds add column withholds boolean not null default false;

comment on column fridge.exception_kinds.withholds is
'Whether it says of a meter, while one is open, why usage was not even stated.';
