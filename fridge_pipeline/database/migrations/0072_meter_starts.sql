-- A meter that comes later, be it a new name for an old one, owes nothing of the hours that can be stated no more: they
-- were billed under another name, or nobody was to be billed for them.
create table fridge.meter_starts (
    event_name text primary key,
    bill_from timestamptz not null,
    entered_at timestamptz not null
);

create trigger meter_starts_append_only before update or delete on fridge.meter_starts
for each row execute function fridge.refuse_change();
create trigger meter_starts_no_truncate before truncate on fridge.meter_starts
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.meter_starts from current_user;

comment on table fridge.meter_starts is
'One row per meter that the catalogue ever had: from which hour on it bills. Append only.';
comment on column fridge.meter_starts.bill_from is
'-infinity of the first meters. Of a later one the first hour that Stripe took and no closed month had.';
comment on column fridge.meter_starts.entered_at is 'When it was first found in the catalogue.';

insert into fridge.pipeline_rights (relation) values ('meter_starts');
insert into fridge.metrics_reads (relation) values ('meter_starts');

insert into fridge.meter_starts (event_name, bill_from, entered_at)
select
    known.event_name,
    '-infinity' as bill_from,
    now() as entered_at
from (
    select event_name from fridge.sent_meters
    union
    select event_name from fridge.meters
    union
    select unnest(event_names) as event_name from fridge.swept_catalogue
) as known;

call fridge.note_changes_of(
    'meter_starts', '{insert}',
    'select hour from fridge.known_hours() as known (hour) where exists (select 1 from %1$s)'
);
