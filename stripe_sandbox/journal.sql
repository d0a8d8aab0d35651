-- name: tables
-- How many tables and indexes the file holds already: none in a file that is new.
select count(*)
from sqlite_schema;

-- name: create
-- The journal: one row per entry, in the order in which the books took them. Rows are only ever added.
create table if not exists journal (
    sequence integer primary key,
    kind text not null,
    body text not null check (json_valid(body))
) strict;

-- name: append
insert into journal (kind, body) values (?, ?);

-- name: read
select
    kind,
    body
from journal
order by sequence;
