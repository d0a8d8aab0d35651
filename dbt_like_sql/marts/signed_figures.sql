-- materialized: view
-- Today's figures are the signed ones and what has changed since. Of months that were signed before their hours were
-- kept there are only the totals of meters, of no tenant.
with signed_months as (
    select * from fridge.stg_signed_months
    where not has_hours
),

tie_out as (
    select * from fridge.tie_out
),

signed_hours as (
    select * from fridge.stg_signed_hours
),

signed_changes as (
    select * from fridge.changes_since_signed
),

stacked as (
    select
        usage_month,
        is_closed,
        tenant_id,
        meter,
        usage_quantity as signed_usage,
        stated_quantity as signed_stated,
        stripe_quantity as signed_stripe,
        0::numeric as change_in_usage,
        0::numeric as change_in_stated,
        0::numeric as change_in_stripe,
        0 as usage_known,
        0 as stated_known,
        0 as stripe_known,
        null::text as cause
    from signed_hours

    union all

    select
        usage_month,
        is_closed,
        tenant_id,
        meter,
        null as signed_usage,
        null as signed_stated,
        null as signed_stripe,
        change_in_usage,
        change_in_stated,
        coalesce(stripe_now, 0) - coalesce(signed_stripe, 0) as change_in_stripe,
        num_nonnulls(usage_now) - num_nonnulls(signed_usage) as usage_known,
        num_nonnulls(stated_now) - num_nonnulls(signed_stated) as stated_known,
        num_nonnulls(stripe_now) - num_nonnulls(signed_stripe) as stripe_known,
        cause
    from signed_changes
),

summed as (
    select
        usage_month,
        is_closed,
        tenant_id,
        meter,
        sum(signed_usage) as signed_usage,
        sum(signed_stated) as signed_stated,
        sum(signed_stripe) as signed_stripe,
        coalesce(sum(signed_usage), 0) + sum(change_in_usage) as usage_now,
        coalesce(sum(signed_stated), 0) + sum(change_in_stated) as stated_now,
        coalesce(sum(signed_stripe), 0) + sum(change_in_stripe) as stripe_now,
        count(signed_usage) + sum(usage_known) as hours_with_usage,
        count(signed_stated) + sum(stated_known) as hours_stated,
        count(signed_stripe) + sum(stripe_known) as hours_read,
        sum(change_in_usage) as difference,
        count(cause) as hours_changed,
        string_agg(distinct cause, ', ' order by cause) as cause
    from stacked
    group by usage_month, is_closed, tenant_id, meter
),

totals as (
    select
        signed_months.usage_month,
        signed_months.is_closed,
        meters.meter,
        (meters.figures ->> 'usage')::numeric as signed_usage,
        (meters.figures ->> 'stated')::numeric as signed_stated,
        (meters.figures ->> 'stripe')::numeric as signed_stripe
    from signed_months
    cross join lateral jsonb_each(signed_months.control_totals -> 'meters') as meters (meter, figures)
),

totals_now as (
    select
        signed_months.usage_month,
        of_month.meter,
        of_month.usage_now,
        of_month.stated_now,
        of_month.stripe_now
    from signed_months
    cross join lateral (
        select
            tie_out.meter,
            sum(tie_out.usage_quantity) as usage_now,
            sum(tie_out.stated_quantity) as stated_now,
            sum(tie_out.stripe_quantity) as stripe_now
        from tie_out
        where
            tie_out.hour >= signed_months.usage_month::timestamp at time zone 'UTC'
            and tie_out.hour < (signed_months.usage_month + interval '1 month') at time zone 'UTC'
        group by tie_out.meter
    ) as of_month
),

final as (
    select
        usage_month,
        is_closed,
        tenant_id,
        meter,
        signed_usage,
        case when hours_with_usage > 0 then usage_now end as usage_now,
        difference,
        signed_stated,
        case when hours_stated > 0 then stated_now end as stated_now,
        signed_stripe,
        case when hours_read > 0 then stripe_now end as stripe_now,
        hours_changed,
        cause
    from summed

    union all

    select
        totals.usage_month,
        totals.is_closed,
        null as tenant_id,
        totals.meter,
        totals.signed_usage,
        totals_now.usage_now,
        coalesce(totals_now.usage_now, 0) - coalesce(totals.signed_usage, 0) as difference,
        totals.signed_stated,
        totals_now.stated_now,
        totals.signed_stripe,
        totals_now.stripe_now,
        0 as hours_changed,
        -- None is another figure than 0.
        case
            when coalesce(totals.signed_usage, -1) <> coalesce(totals_now.usage_now, -1) then 'hours_not_kept'
            when coalesce(totals.signed_stated, -1) <> coalesce(totals_now.stated_now, -1) then 'hours_not_kept'
            when coalesce(totals.signed_stripe, -1) <> coalesce(totals_now.stripe_now, -1) then 'hours_not_kept'
        end as cause
    from totals
    left join totals_now on totals.usage_month = totals_now.usage_month and totals.meter = totals_now.meter
)

select * from final
