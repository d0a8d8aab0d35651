-- Which code made a number: every run says what it is before it does anything.
create table fridge.runs (
    run_id text primary key,
    program_version text not null,
    source_sha256 text not null,
    started_at timestamptz not null
);

create trigger runs_append_only before update or delete on fridge.runs
for each row execute function fridge.refuse_change();
create trigger runs_no_truncate before truncate on fridge.runs
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.runs from current_user;

comment on table fridge.runs is
'One row per Dagster run that opened the books, with the code it ran; append only. Earlier ones are not recorded.';
comment on column fridge.runs.program_version is 'Version of the package.';
comment on column fridge.runs.source_sha256 is 'Hash over all its source files and SQL models.';
