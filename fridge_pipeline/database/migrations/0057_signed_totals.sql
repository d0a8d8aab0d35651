-- The control totals of a month are the sums of the hours that are signed with them, in one statement of the database.
-- Before, they were added up a moment earlier: a file in between was in one and not in the other, and the tie-out was
-- made twice.
-- One statement, so that all figures are of one moment: the hours, and the control totals that these come to. Whoever
-- signs may add to these, and not say otherwise. It works with the rights of the schema's owner, who alone writes them.
create or replace function fridge.keep_signed_hours() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set work_mem = '64MB' as $$
declare
    starts_at constant timestamptz := new.month::timestamp at time zone 'UTC';
    ends_at constant timestamptz := (new.month + interval '1 month') at time zone 'UTC';
    totals jsonb;
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
        returning tenant_id, meter, usage_quantity, stated_quantity, stripe_quantity, status
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
            coalesce(sum(rejected_count), 0) as rejected_count
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
            'files', (select to_jsonb(landed) from landed)
        ) into totals;
    new.control_totals := coalesce(new.control_totals, '{}') || totals;
    return new;
end;
$$;

create or replace trigger month_signoffs_keep_figures before insert on fridge.month_signoffs
for each row when (new.action = 'prepare') execute function fridge.keep_signed_hours();

-- Whoever prepares a month looks at the hours that this signs, before it is on record.
insert into fridge.person_rights (relation, role, inserts) values ('signed_hours', 'preparer', false);

comment on column fridge.month_signoffs.control_totals is
'What the month comes to, as prepared: per meter the sums of its signed hours, and of its landing files; else empty.';
