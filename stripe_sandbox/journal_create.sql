-- The journal: one row per entry, in the order in which the books took them. Rows are only ever added.
create table if not exists journal (
    sequence integer primary key,
    kind text not null,
    body text not null check (json_valid(body))
) strict;
