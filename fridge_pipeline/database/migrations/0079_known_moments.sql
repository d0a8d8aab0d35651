-- Contracts: the view measured_usage goes, which nothing has read since version 0.1.
drop view fridge.measured_usage;

-- What is signed ends where the database had the signature, whatever time whoever signed it typed.
create or replace view fridge.signed_months as
select
    newest.month,
    newest.month::timestamp at time zone 'UTC' as starts_at,
    prepared.signoff_id,
    newest.action = 'approve' as is_closed,
    prepared.signed_by as prepared_by,
    least(prepared.signed_at, prepared.acted_at + interval '5 minutes') as prepared_at,
    prepared.control_totals,
    case when newest.action = 'approve' then newest.signed_by end as approved_by,
    case when newest.action = 'approve' then newest.signed_at end as approved_at,
    coalesce(prepared.acted_at, prepared.signed_at) as acted_at
from (
    select distinct on (month)
        month,
        action,
        signed_by,
        signed_at
    from fridge.month_signoffs
    where action <> 'ask_to_reopen'
    order by month asc, signoff_id desc
) as newest
inner join lateral (
    select
        older.signoff_id,
        older.signed_by,
        older.signed_at,
        older.acted_at,
        older.control_totals
    from fridge.month_signoffs as older
    where older.month = newest.month and older.action = 'prepare'
    order by older.signoff_id desc
    limit 1
) as prepared on true
where newest.action <> 'reopen';

comment on column fridge.signed_months.prepared_at is
'When its figures were signed, as its signer said it, and no later than the database''s clock with 5 minutes between
the clocks: records of the pipeline that are later are not signed.';
comment on column fridge.signed_months.acted_at is
'When, by the database''s clock: acts of people, which have the same clock, are not signed where they are later.';

comment on table fridge.stripe_readbacks is
'One row per look at Stripe''s total for something unconfirmed; append only.';

-- An entry of the register changes no reading that is stored, by whatever way it is entered. In the owner's name,
-- because who registers reads little.
create function fridge.refuse_changed_past() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    refused record;
begin
    select
        new_rows.sensor_id,
        new_rows.tenant_id,
        sensors.tenant_id as stored_for
    into refused
    from new_rows
    inner join fridge.sensors on new_rows.sensor_id = sensors.sensor_id and new_rows.tenant_id <> sensors.tenant_id
    where exists (
        select 1
        from fridge.stored_readings
        inner join fridge.landing_files on stored_readings.file_id = landing_files.file_id
        where
            stored_readings.sensor_key = sensors.sensor_key
            and stored_readings.recorded_at >= new_rows.valid_from
            and stored_readings.recorded_at < coalesce(
                (
                    select min(later.valid_from) from fridge.sensor_register as later
                    where later.sensor_id = new_rows.sensor_id and later.valid_from > new_rows.valid_from
                ), 'infinity'
            )
            and landing_files.source is not null
            and not exists (select 1 from fridge.withdrawals where withdrawals.file_id = landing_files.file_id)
    )
    limit 1;
    if found then
        raise exception 'sensor % would belong to %, and readings of it are stored for %: the past is not changed',
            refused.sensor_id, refused.tenant_id, refused.stored_for
            using errcode = 'restrict_violation',
            hint = 'Register it from now on, and make good the time before by hand.';
    end if;
    return null;
end;
$$;
revoke execute on function fridge.refuse_changed_past() from public;

create trigger sensor_register_keeps_past after insert on fridge.sensor_register
referencing new table as new_rows for each statement execute function fridge.refuse_changed_past();
