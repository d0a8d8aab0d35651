-- Acts of people carry who did them, as the database knows it, and when by its clock. Of earlier rows nothing is made
-- up: they stay empty, which is shown as not recorded.

-- Who did it, and when (law L15): never what a program says, but as whom it signed in, by the clock of the database.
-- Every table of acts of a person has these four columns, and this trigger before insert. The operating system's user
-- and host are what the session was told: they say where to ask, and prove nothing.
create function fridge.stamp_act() returns trigger
language plpgsql as $$
begin
    new.acted_by := session_user;
    new.acted_at := clock_timestamp();
    new.os_user := nullif(current_setting('fridge.os_user', true), '');
    new.os_host := nullif(current_setting('fridge.os_host', true), '');
    return new;
end;
$$;

alter table fridge.month_signoffs
add column acted_by text,
add column acted_at timestamptz,
add column os_user text,
add column os_host text;

comment on column fridge.month_signoffs.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.month_signoffs.acted_at is 'When, by the database''s clock.';
comment on column fridge.month_signoffs.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.month_signoffs.os_host is 'Machine, as the session was told.';

create trigger month_signoffs_stamp before insert on fridge.month_signoffs
for each row execute function fridge.stamp_act();

-- By the names of its columns, so that others may come.
create or replace view fridge.closed_months as
select
    newest.month,
    newest.month::timestamp at time zone 'UTC' as starts_at,
    newest.signed_by as closed_by,
    newest.signed_at as closed_at
from (
    select distinct on (month)
        month,
        action,
        signed_by,
        signed_at
    from fridge.month_signoffs
    order by month asc, signoff_id desc
) as newest
where newest.action = 'approve';
