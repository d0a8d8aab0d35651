-- A signature is dated neither before the one that it follows nor before what it signs.
create or replace function fridge.guard_month_signoff() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    named text := to_char(new.month, 'YYYY-MM');
    newest fridge.month_signoffs;
    under_way bigint;
    in_the_way date;
begin
    -- Under the lock, and of nothing that a transaction which is rolled back uses up: so no number is missing.
    new.signoff_id := coalesce((select max(signoff_id) from fridge.month_signoffs), 0) + 1;
    perform fridge.require_person(
        array[case when new.action in ('prepare', 'ask_to_reopen') then 'preparer' else 'approver' end],
        format('%s of %s', new.action, named)
    );
    select * into newest from fridge.month_signoffs where month = new.month order by signoff_id desc limit 1;
    if (coalesce(newest.action, 'nothing'), new.action) not in (
        ('nothing', 'prepare'), ('prepare', 'prepare'), ('prepare', 'approve'), ('approve', 'ask_to_reopen'),
        ('ask_to_reopen', 'ask_to_reopen'), ('ask_to_reopen', 'reopen'), ('reopen', 'prepare')
    ) then
        raise exception '% of % refused: the last that was signed for it is %', new.action, named,
            coalesce(newest.action, 'nothing')
            using errcode = 'restrict_violation',
            hint = 'A month is prepared, approved (then it is closed), and may be reopened to be prepared again.';
    end if;
    if new.action in ('approve', 'reopen') and coalesce(newest.acted_by, session_user) = session_user then
        raise exception '% of % refused: the % before it is by %', new.action, named, newest.action,
            fridge.told_as(newest.acted_by, newest.signed_by)
            using errcode = 'restrict_violation',
            hint = 'It takes two different people, each with a login of their own.';
    end if;
    -- With 5 minutes between the clocks of two machines.
    if new.signed_at < newest.signed_at - interval '5 minutes' then
        raise exception '% of % refused: it is dated %, before the % that it follows', new.action, named,
            to_char(new.signed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), newest.action
            using errcode = 'restrict_violation', hint = 'Set the clock of the machine that signs.';
    end if;
    if new.action in ('prepare', 'approve') then
        in_the_way := fridge.open_month_before(new.month);
        if in_the_way is not null then
            raise exception '% of % refused: % has usage and is not closed', new.action, named,
                to_char(in_the_way, 'YYYY-MM')
                using errcode = 'restrict_violation', hint = 'Months are closed in their order: close that one first.';
        end if;
        select count(*) into under_way from fridge.statements_under_way
        where hour >= new.month::timestamp at time zone 'UTC'
            and hour < (new.month + interval '1 month') at time zone 'UTC';
        if under_way > 0 then
            raise exception '% of % refused: % statements of its hours are under way', new.action, named, under_way
                using errcode = 'restrict_violation', hint = 'Wait until Stripe has decided all of them.';
        end if;
    end if;
    return new;
end;
$$;

create or replace function fridge.keep_signed_hours() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set work_mem = '64MB' as $$
declare
    starts_at constant timestamptz := new.month::timestamp at time zone 'UTC';
    ends_at constant timestamptz := (new.month + interval '1 month') at time zone 'UTC';
    totals jsonb;
    recorded_until timestamptz;
begin
    with kept as (
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
        order by tie_out.tenant_id, tie_out.meter, tie_out.hour
        returning tenant_id, meter, usage_quantity, stated_quantity, stripe_quantity, stripe_read_at, status
    ),

    meters as (
        select
            meter,
            sum(usage_quantity) as usage,
            sum(stated_quantity) as stated,
            sum(stripe_quantity) as stripe,
            count(distinct tenant_id) filter (where usage_quantity is not null) as tenants,
            count(*) filter (where usage_quantity is not null) as tenant_hours,
            count(*) filter (where status = 'explained') as tenant_hours_explained,
            count(*) filter (where status = 'not_read') as tenant_hours_not_read
        from kept
        group by meter
    ),

    landed as (
        select
            count(*) as files,
            coalesce(sum(row_count), 0) as row_count,
            coalesce(sum(inserted_count), 0) as inserted_count,
            coalesce(sum(duplicate_count), 0) as duplicate_count,
            coalesce(sum(rejected_count), 0) as rejected_count,
            max(loaded_at) as loaded_until
        from fridge.landing_files
        where landing_hour >= starts_at and landing_hour < ends_at
    )

    select
        jsonb_build_object(
            'meters',
            coalesce(
                (
                    select
                        jsonb_object_agg(
                            meter,
                            coalesce(new.control_totals #> array['meters', meter], '{}') || to_jsonb(meters) - 'meter'
                        )
                    from meters
                ),
                '{}'
            ),
            'files', (select to_jsonb(landed) - 'loaded_until' from landed)
        ),
        greatest((select loaded_until from landed), (select max(stripe_read_at) from kept))
    into totals, recorded_until;
    if new.signed_at < recorded_until - interval '5 minutes' then
        raise exception 'prepare of % refused: it is dated %, and what it signs was recorded until %',
            to_char(new.month, 'YYYY-MM'), to_char(new.signed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
            to_char(recorded_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            using errcode = 'restrict_violation', hint = 'Set the clock of the machine that signs.';
    end if;
    new.control_totals := coalesce(new.control_totals, '{}') || totals;
    return new;
end;
$$;

-- An exception about invoices says its quantity, and its money where a price is known, in columns of their own.
alter table fridge.exceptions add column not_invoiced numeric, add column amount bigint, add column currency text;
comment on column fridge.exceptions.not_invoiced is
'For what is wrong on invoices: usage that no invoice bills and no correction; below 0 where too much is billed.';
comment on column fridge.exceptions.amount is 'What that costs, in minor units; empty where no price says so.';
update fridge.pipeline_rights
set updates = '{detail, owed, not_invoiced, amount, currency, deadline_at, closed_at}'
where relation = 'exceptions';
create or replace view fridge.open_exceptions as
select *
from fridge.exceptions
where closed_at is null;
