-- The hours whose figures are shown as signed come to the control totals under the signatures.
with hours as (
    select
        usage_month,
        meter,
        sum(usage_quantity) as usage,
        sum(stated_quantity) as stated,
        sum(stripe_quantity) as stripe
    from fridge.stg_signed_hours
    group by usage_month, meter
),

totals as (
    select
        signed_months.usage_month,
        meters.meter,
        (meters.figures ->> 'usage')::numeric as usage,
        (meters.figures ->> 'stated')::numeric as stated,
        (meters.figures ->> 'stripe')::numeric as stripe
    from fridge.stg_signed_months as signed_months
    cross join lateral jsonb_each(signed_months.control_totals -> 'meters') as meters (meter, figures)
    where signed_months.has_hours
)

select
    coalesce(totals.usage_month, hours.usage_month) as usage_month,
    coalesce(totals.meter, hours.meter) as meter,
    totals.usage as signed_usage,
    hours.usage as hours_usage,
    totals.stated as signed_stated,
    hours.stated as hours_stated,
    totals.stripe as signed_stripe,
    hours.stripe as hours_stripe
from totals
full join hours on totals.usage_month = hours.usage_month and totals.meter = hours.meter
where (totals.usage, totals.stated, totals.stripe) is distinct from (hours.usage, hours.stated, hours.stripe)
