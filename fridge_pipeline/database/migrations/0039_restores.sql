-- Restores are noticed, and texts of evidence packs are guarded against spreadsheets' formulas.

-- A text that begins as a spreadsheet's formula does, or with the mark itself, gets the mark before it.
create function fridge.csv_text(words text) returns text
language sql immutable as $$
    select case
        when left(words, 1) in ('=', '+', '-', '@', chr(9), chr(10), chr(13), chr(39)) then chr(39) || words
        else words
    end;
$$;

-- Where the books are: which server, which of its histories (a copy that takes over begins another), which database,
-- and which schema. A restore changes at least one of them.
create function fridge.present_place() returns text
language sql stable as $$
    select concat_ws(
        '/',
        (select system_identifier from pg_control_system()),
        (select timeline_id from pg_control_checkpoint()),
        (select oid from pg_database where datname = current_database()),
        'fridge'::regnamespace::oid
    );
$$;

-- The places that the books were found in. A dump brings the row of the place it was taken in, not that of the present.
create table fridge.restores (
    restore_id bigint generated always as identity primary key,
    place text not null,
    noticed_at timestamptz not null default clock_timestamp(),
    constraint restores_place unique (place)
);

create trigger restores_append_only before update or delete on fridge.restores
for each row execute function fridge.refuse_change();
create trigger restores_no_truncate before truncate on fridge.restores
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.restores from current_user;

comment on table fridge.restores is
'One row per place that the books were found in: the first is where they were made, each later one a restore or move.';
comment on column fridge.restores.place is 'Server, timeline, database and schema, by PostgreSQL''s own numbers.';
comment on column fridge.restores.noticed_at is 'When the program first found them there.';

insert into fridge.pipeline_rights (relation) values ('restores');
