-- Files that are being loaded, written before they are read: who dies meanwhile leaves its row behind, so that the next
-- load knows. Empty while nothing is loaded.
create table fridge.load_attempts (
    path text primary key,
    version_token text not null,
    attempts integer not null,
    started_at timestamptz not null,
    constraint load_attempts_count check (attempts > 0)
);

comment on table fridge.load_attempts is
'One row per landing file that is being loaded, or whose load died: with its process, its machine, or its database.';
comment on column fridge.load_attempts.version_token is 'Which content it is about, as in landing_files.';
comment on column fridge.load_attempts.attempts is 'Loads of this content since the last one that ended.';
comment on column fridge.load_attempts.started_at is 'When the last of them began.';

insert into fridge.pipeline_rights (relation, updates, deletes) values
('load_attempts', '{version_token, attempts, started_at}', true);
