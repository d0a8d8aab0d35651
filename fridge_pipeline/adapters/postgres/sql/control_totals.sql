-- What a month comes to, as finance signs it: per meter by the tie-out, and its landing files.
with meters as (
    select
        meter,
        sum(usage_quantity) as usage,
        sum(stated_quantity) as stated,
        sum(stripe_quantity) as stripe,
        count(distinct tenant_id) filter (where usage_quantity is not null) as tenants,
        count(*) filter (where usage_quantity is not null) as tenant_hours,
        count(*) filter (where status = 'explained') as tenant_hours_explained,
        count(*) filter (where status = 'not_read') as tenant_hours_not_read
    from fridge.tie_out
    where hour >= %(month_start)s and hour < %(month_end)s
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
    where landing_hour >= %(month_start)s and landing_hour < %(month_end)s
)

select
    jsonb_build_object(
        'meters', coalesce((select jsonb_object_agg(meter, to_jsonb(meters) - 'meter') from meters), '{}'),
        'files', (select to_jsonb(landed) from landed)
    ) as control_totals;
