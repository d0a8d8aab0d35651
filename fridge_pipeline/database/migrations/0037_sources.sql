-- A landing file says which source read it, and what the source was then.
alter table fridge.landing_files add column source text;
alter table fridge.landing_files add column source_sha256 text;
alter table fridge.landing_files
add constraint landing_files_source check ((source is null) = (source_sha256 is null));

comment on column fridge.landing_files.source is
'The source that read it; empty where it had the canonical columns.';
comment on column fridge.landing_files.source_sha256 is
'Hash of what the source was then: its definition may change afterwards, and nothing that is loaded with it.';
