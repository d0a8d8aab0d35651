-- Whose rows a landing file held: each tenant can be told what became of each of its rows (law L3, per tenant).

-- A file may hold rows of many tenants and an hour has many files, so the table is narrow and has the one index that
-- both questions need: whose rows are in a file, and what of a tenant is in it. Hours are found through landing_files.
-- Without a foreign key, like withdrawals; and the rows are written just before their file's.
create table fridge.landing_file_tenants (
    file_id integer not null,
    tenant_id text,
    row_count bigint not null,
    inserted_count bigint not null,
    duplicate_count bigint not null,
    rejected_count bigint not null,
    constraint landing_file_tenants_key unique nulls not distinct (file_id, tenant_id),
    constraint landing_file_tenants_tie_out check (row_count = inserted_count + duplicate_count + rejected_count),
    constraint landing_file_tenants_counts check (
        row_count > 0 and inserted_count >= 0 and duplicate_count >= 0 and rejected_count >= 0
    ),
    constraint landing_file_tenants_unknown check (tenant_id is not null or rejected_count = row_count),
    constraint landing_file_tenants_tenant_id_not_empty check (tenant_id <> '')
);

create trigger landing_file_tenants_append_only before update or delete on fridge.landing_file_tenants
for each row execute function fridge.refuse_change();
create trigger landing_file_tenants_no_truncate before truncate on fridge.landing_file_tenants
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.landing_file_tenants from current_user;

-- Once for all the files that a statement puts on record, so that thousands at once cost little.
create function fridge.check_file_tenants() returns trigger
language plpgsql as $$
declare
    off record;
begin
    select new_rows.path, new_rows.row_count, tenants.row_count as tenants_row_count into off
    from new_rows
    cross join lateral (
        select
            coalesce(sum(landing_file_tenants.row_count), 0) as row_count,
            coalesce(sum(landing_file_tenants.inserted_count), 0) as inserted_count,
            coalesce(sum(landing_file_tenants.duplicate_count), 0) as duplicate_count,
            coalesce(sum(landing_file_tenants.rejected_count), 0) as rejected_count
        from fridge.landing_file_tenants
        where landing_file_tenants.file_id = new_rows.file_id
    ) as tenants
    where
        tenants.row_count <> new_rows.row_count
        or tenants.inserted_count <> new_rows.inserted_count
        or tenants.duplicate_count <> new_rows.duplicate_count
        or tenants.rejected_count <> new_rows.rejected_count
    limit 1;
    if found then
        raise exception 'landing file % has % rows, but % by tenant, or they differ in what became of them',
            off.path, off.row_count, off.tenants_row_count
            using errcode = 'check_violation',
            hint = 'The rows of a file by tenant, in landing_file_tenants, add up to the file; write them before it.';
    end if;
    return null;
end;
$$;

create trigger landing_files_check_tenants after insert on fridge.landing_files
referencing new table as new_rows for each statement execute function fridge.check_file_tenants();

-- What adds up stays so: nothing is added to a file that is on record, nor to one loaded before this table was there.
create function fridge.refuse_later_tenants() returns trigger
language plpgsql as $$
declare
    known integer;
begin
    select landing_files.file_id into known
    from (select distinct file_id from new_rows) as files
    inner join fridge.landing_files on files.file_id = landing_files.file_id
    limit 1;
    if found then
        raise exception 'landing file % is on record: its rows by tenant are written before it, and never later', known
            using errcode = 'restrict_violation';
    end if;
    return null;
end;
$$;

create trigger landing_file_tenants_before_file after insert on fridge.landing_file_tenants
referencing new table as new_rows for each statement execute function fridge.refuse_later_tenants();

-- So that a tenant's rejected rows can be shown. Adding an empty column rewrites nothing.
alter table fridge.rejected_readings add column tenant_id text;

-- A person may have an hour's total read now; that read counts like the others.
alter table fridge.stripe_reads drop constraint stripe_reads_purpose;
alter table fridge.stripe_reads add constraint stripe_reads_purpose
check (purpose in ('reconciliation', 'refusals', 'explanation'));

comment on table fridge.landing_file_tenants is
'One row per landing file and tenant with rows in it; they add up to landing_files. Append only. Files with rows and '
'without a row here were loaded before this table was there.';
comment on column fridge.landing_file_tenants.tenant_id is
'As the file says it, also when it is in no other table; empty: rows that do not say readably whose they are.';
comment on column fridge.landing_file_tenants.row_count is
'Rows of the tenant read; always inserted + duplicate + rejected.';
comment on column fridge.landing_file_tenants.inserted_count is
'Its readings stored for the first time; a withdrawal of the file changes nothing here.';
comment on column fridge.landing_file_tenants.duplicate_count is 'Its valid readings that were stored already.';
comment on column fridge.landing_file_tenants.rejected_count is
'Its rows that are no valid readings; see rejected_readings.';
comment on column fridge.rejected_readings.tenant_id is
'Whose row it is; empty when it does not say so readably, and in files without rows in landing_file_tenants.';
comment on column fridge.stripe_reads.purpose is 'reconciliation, refusals or explanation.';
