-- Of a landing file the first rejected rows are kept one by one, and the others counted by reason: a few kB can unpack
-- to millions of them. Nothing is taken from what is kept already.
create table fridge.rejected_not_kept (
    file_id integer not null,
    path text not null,
    reason text not null,
    row_count bigint not null,
    constraint rejected_not_kept_key unique (file_id, reason),
    constraint rejected_not_kept_count check (row_count > 0)
);

create index rejected_not_kept_path on fridge.rejected_not_kept (path);

create trigger rejected_not_kept_append_only before update or delete on fridge.rejected_not_kept
for each row execute function fridge.refuse_change();
create trigger rejected_not_kept_no_truncate before truncate on fridge.rejected_not_kept
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.rejected_not_kept from current_user;

-- Whoever counts rejected rows counts these. Not grouped, so that a file's rows are found by its path.
create view fridge.rejected_rows as
select
    file_id,
    path,
    reason,
    1::bigint as row_count
from fridge.rejected_readings
union all
select
    file_id,
    path,
    reason,
    row_count
from fridge.rejected_not_kept;

comment on table fridge.rejected_not_kept is
'One row per landing file and reason: how many rows were rejected beyond those in rejected_readings. Append only.';
comment on column fridge.rejected_not_kept.row_count is 'So many more rows were rejected for this reason.';
comment on view fridge.rejected_rows is
'Every rejected row once: those that are kept with a count of 1, the others by file and reason. Add up row_count.';
comment on table fridge.rejected_readings is
'One row per row of a landing file that is no valid reading, the first 10,000 of each file; rejected_not_kept counts '
'the others. Append only.';
comment on column fridge.landing_file_tenants.tenant_id is
'As the file says it, also when it is in no other table; empty: rows that do not say readably whose they are, and '
'rejected ones beyond the first 10,000 tenants of which the file has rejected rows.';

insert into fridge.pipeline_rights (relation) values ('rejected_not_kept');
