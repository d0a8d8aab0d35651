-- Months that were prepared before keep their control totals only: what their hours were is not made up.

-- What two people put their names to, hour by hour, written by the database itself when a month is prepared: nobody
-- else can write it, and nothing that changes later changes it. No foreign key: only a signature's trigger writes here.
create table fridge.signed_hours (
    signoff_id bigint not null,
    tenant_id text not null,
    meter text not null,
    hour timestamptz not null,
    file_rows bigint,
    inserted bigint,
    duplicates bigint,
    rejected bigint,
    derived_quantity numeric,
    usage_quantity numeric,
    stated_quantity numeric,
    invoiced_by_hand_quantity numeric,
    credited_quantity numeric,
    written_off_quantity numeric,
    stated_revision integer,
    stripe_quantity numeric,
    stripe_read_at timestamptz,
    difference_in_files numeric,
    difference_in_usage numeric,
    difference_in_ledger numeric,
    difference_in_stripe numeric,
    cause_in_files text,
    cause_in_usage text,
    cause_in_ledger text,
    cause_in_stripe text,
    cause text,
    amount numeric,
    status text not null,
    readings bigint,
    late_readings bigint,
    primary key (signoff_id, tenant_id, meter, hour)
);

-- Months are signed one after another, so a block range index finds one at almost no cost.
create index signed_hours_hour on fridge.signed_hours using brin (hour);

create trigger signed_hours_append_only before update or delete on fridge.signed_hours
for each row execute function fridge.refuse_change();
create trigger signed_hours_no_truncate before truncate on fridge.signed_hours
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.signed_hours from current_user;

-- Also the owner of the schema writes them in no other way than by signing.
create function fridge.refuse_unsigned_hours() returns trigger
language plpgsql as $$
begin
    if pg_trigger_depth() < 2 then
        raise exception 'insert on fridge.signed_hours refused: only the preparation of a month writes it'
            using errcode = 'restrict_violation';
    end if;
    return null;
end;
$$;

create trigger signed_hours_signed_only before insert on fridge.signed_hours
for each statement execute function fridge.refuse_unsigned_hours();

comment on table fridge.signed_hours is
'One row per tenant, meter and hour of each preparation of a month: the tie-out as it was signed. Append only.';
comment on column fridge.signed_hours.signoff_id is 'The preparation; the other columns are those of the tie-out.';
comment on column fridge.signed_hours.readings is 'The tenant''s readings of the hour, as derived in SQL.';
comment on column fridge.signed_hours.late_readings is
'Of these, readings recorded before the hour in which they arrived.';

-- One statement, so that all figures are of one moment. It works with the rights of the schema's owner, who alone
-- may write them.
create function fridge.keep_signed_hours() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    starts_at constant timestamptz := new.month::timestamp at time zone 'UTC';
    ends_at constant timestamptz := (new.month + interval '1 month') at time zone 'UTC';
begin
    insert into fridge.signed_hours
    select
        new.signoff_id,
        tie_out.tenant_id,
        tie_out.meter,
        tie_out.hour,
        tie_out.file_rows,
        tie_out.inserted,
        tie_out.duplicates,
        tie_out.rejected,
        tie_out.derived_quantity,
        tie_out.usage_quantity,
        tie_out.stated_quantity,
        tie_out.invoiced_by_hand_quantity,
        tie_out.credited_quantity,
        tie_out.written_off_quantity,
        tie_out.stated_revision,
        tie_out.stripe_quantity,
        tie_out.stripe_read_at,
        tie_out.difference_in_files,
        tie_out.difference_in_usage,
        tie_out.difference_in_ledger,
        tie_out.difference_in_stripe,
        tie_out.cause_in_files,
        tie_out.cause_in_usage,
        tie_out.cause_in_ledger,
        tie_out.cause_in_stripe,
        tie_out.cause,
        tie_out.amount,
        tie_out.status,
        usage_hourly.readings,
        usage_hourly.late_readings
    from fridge.tie_out
    left join (
        select * from fridge.usage_hourly
        where hour >= starts_at and hour < ends_at
    ) as usage_hourly
        on
            tie_out.tenant_id = usage_hourly.tenant_id
            and tie_out.meter = usage_hourly.meter
            and tie_out.hour = usage_hourly.hour
    where tie_out.hour >= starts_at and tie_out.hour < ends_at
    order by tie_out.tenant_id, tie_out.meter, tie_out.hour;
    return null;
end;
$$;

revoke execute on function fridge.keep_signed_hours() from public;

create trigger month_signoffs_keep_figures after insert on fridge.month_signoffs
for each row when (new.action = 'prepare') execute function fridge.keep_signed_hours();

create view fridge.signed_months as
select
    newest.month,
    newest.month::timestamp at time zone 'UTC' as starts_at,
    prepared.signoff_id,
    newest.action = 'approve' as is_closed,
    prepared.signed_by as prepared_by,
    prepared.signed_at as prepared_at,
    prepared.control_totals,
    case when newest.action = 'approve' then newest.signed_by end as approved_by,
    case when newest.action = 'approve' then newest.signed_at end as approved_at
from (
    select distinct on (month)
        month,
        action,
        signed_by,
        signed_at
    from fridge.month_signoffs
    order by month asc, signoff_id desc
) as newest
inner join lateral (
    select
        older.signoff_id,
        older.signed_by,
        older.signed_at,
        older.control_totals
    from fridge.month_signoffs as older
    where older.month = newest.month and older.action = 'prepare'
    order by older.signoff_id desc
    limit 1
) as prepared on true
where newest.action <> 'reopen';

comment on view fridge.signed_months is
'One row per month whose figures are signed now: prepared, or closed, with the preparation that holds them.';
comment on column fridge.signed_months.starts_at is 'Its first moment.';
comment on column fridge.signed_months.signoff_id is 'The preparation whose figures stand.';
