-- materialized: view
-- Of each month its own hours and no others: whoever reads one month waits for one.
with usage as (
    select * from fridge.stg_usage
),

tie_out as (
    select * from fridge.tie_out
),

tenants as (
    select * from fridge.stg_tenants
),

billed_times as (
    select * from fridge.stg_billed_times
),

comparisons as (
    select * from fridge.stg_invoice_comparisons
),

corrections as (
    select * from fridge.stg_corrections
),

exceptions as (
    select * from fridge.stg_exceptions
),

prices as (
    select
        stg_prices.*,
        stg_meters.formula = 'last' as is_last
    from fridge.stg_prices
    inner join fridge.stg_meters on stg_prices.meter = stg_meters.meter
),

beginnings as (
    select
        generate_series(
            date_trunc('month', min(hour) at time zone 'UTC'), max(hour) at time zone 'UTC', interval '1 month'
        ) as begins
    from usage
),

months as (
    select
        begins::date as usage_month,
        begins at time zone 'UTC' as starts_at,
        (begins + interval '1 month') at time zone 'UTC' as ends_at
    from beginnings
),

hours as (
    select
        months.usage_month,
        months.starts_at,
        of_month.*
    from months
    cross join
        lateral (
            select
                tie_out.tenant_id,
                tie_out.meter,
                tie_out.hour,
                tie_out.cause_in_ledger,
                coalesce(tie_out.stated_quantity, 0) as stated,
                -tie_out.difference_in_ledger
                - coalesce(tie_out.invoiced_by_hand_quantity, 0)
                - coalesce(tie_out.credited_quantity, 0)
                - coalesce(tie_out.written_off_quantity, 0) as owed
            from tie_out
            where tie_out.hour >= months.starts_at and tie_out.hour < months.ends_at
        ) as of_month
),

-- A meter event is stamped at half past. What an invoice has is settled, whatever else bills the same time.
placed as (
    select distinct on (hours.usage_month, hours.tenant_id, hours.meter, hours.hour)
        hours.*,
        tenants.stripe_customer_id,
        billed_times.period_start,
        billed_times.period_end,
        billed_times.state,
        billed_times.price_id
    from hours
    left join tenants on hours.tenant_id = tenants.tenant_id
    left join billed_times
        on
            tenants.stripe_customer_id = billed_times.stripe_customer_id
            and hours.meter = billed_times.meter
            and hours.hour + interval '30 minutes' >= billed_times.period_start
            and hours.hour + interval '30 minutes' < billed_times.period_end
    order by
        hours.usage_month asc,
        hours.tenant_id asc,
        hours.meter asc,
        hours.hour asc,
        billed_times.state = 'final' desc nulls last,
        billed_times.state = 'draft' desc nulls last,
        billed_times.period_start desc
),

-- What Stripe has accepted and no final invoice bills, and what it has not accepted.
hour_parts as (
    select
        placed.*,
        parts.cause,
        parts.quantity
    from placed
    cross join
        lateral (
            values
            (
                case
                    when placed.state = 'final' then null
                    when placed.state = 'draft' then 'in_draft'
                    when placed.state = 'open' then 'open_period'
                    else coalesce(
                        (
                            select min(comparisons.cause)
                            from comparisons
                            where
                                comparisons.tenant_id = placed.tenant_id
                                and comparisons.event_name = placed.meter
                                and comparisons.period_start <= placed.hour + interval '30 minutes'
                                and comparisons.period_end > placed.hour + interval '30 minutes'
                        ),
                        'no_period_known'
                    )
                end,
                placed.stated
            ),
            (case when placed.cause_in_ledger <> 'not_billed' then placed.cause_in_ledger end, placed.owed)
        ) as parts (cause, quantity)
    where parts.cause is not null and parts.quantity <> 0
),

-- What a final invoice does not bill of what Stripe has accepted, where nobody has ended it.
invoice_parts as (
    select
        date_trunc('month', (comparisons.period_end - interval '1 second') at time zone 'UTC')::date as usage_month,
        comparisons.tenant_id,
        comparisons.event_name as meter,
        comparisons.stripe_customer_id,
        comparisons.period_start,
        comparisons.period_end,
        comparisons.price_id,
        comparisons.cause,
        comparisons.accepted_quantity - comparisons.invoice_quantity - coalesce(done.delta, 0) as quantity
    from comparisons
    left join
        lateral (
            select sum(corrections.delta) as delta
            from corrections
            where
                corrections.invoice_id = comparisons.invoice_id
                and corrections.meter = comparisons.event_name
                and corrections.period_start = comparisons.period_start
        ) as done
        on true
    where
        comparisons.status in ('open', 'paid', 'uncollectible')
        and (
            comparisons.cause = 'threshold_so_far'
            or (
                comparisons.needs_correction
                and exists (
                    select 1 from exceptions
                    where
                        exceptions.is_open
                        and exceptions.kind in ('not_invoiced', 'invoiced_too_much')
                        and exceptions.tenant_id = comparisons.tenant_id
                        and exceptions.subject = comparisons.event_name
                        and exceptions.hour = date_trunc('hour', comparisons.period_start)
                )
            )
        )
),

parts as (
    select
        usage_month,
        tenant_id,
        meter,
        stripe_customer_id,
        period_start,
        period_end,
        price_id,
        cause,
        sum(quantity) as quantity
    from hour_parts
    group by usage_month, tenant_id, meter, stripe_customer_id, period_start, period_end, price_id, cause

    union all

    select * from invoice_parts
    where quantity <> 0
),

-- From which quantity of its billing period on the tiers are asked: what is billed, and what was used before the month.
based as (
    select
        parts.*,
        coalesce(
            (
                select sum(comparisons.invoice_quantity)
                from comparisons
                where
                    comparisons.status in ('open', 'paid', 'uncollectible')
                    and comparisons.stripe_customer_id = parts.stripe_customer_id
                    and comparisons.event_name = parts.meter
                    and comparisons.period_start <= parts.period_start
                    and comparisons.period_end >= parts.period_end
            )
            + coalesce(
                (
                    select sum(corrections.delta)
                    from corrections
                    where
                        corrections.stripe_customer_id = parts.stripe_customer_id
                        and corrections.meter = parts.meter
                        and corrections.period_start = parts.period_start
                ), 0
            ),
            case
                when parts.period_start < parts.usage_month::timestamp at time zone 'UTC' then (
                    select sum(used.quantity)
                    from fridge.stg_usage as used
                    where
                        used.tenant_id = parts.tenant_id
                        and used.meter = parts.meter
                        and used.hour + interval '30 minutes' >= parts.period_start
                        and used.hour >= parts.period_start - interval '1 hour'
                        and used.hour < parts.usage_month::timestamp at time zone 'UTC'
                )
            end,
            0
        ) as base
    from parts
),

-- One cause after another, what Stripe has accepted first, so that together they cost what they cost at once.
stepped as (
    select
        based.*,
        prices.currency,
        prices.is_last,
        based.base + coalesce(
            sum(based.quantity) over (
                partition by based.usage_month, based.tenant_id, based.meter, based.period_start
                order by based.cause not in ('open_period', 'in_draft'), based.cause
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as begins_at,
        prices.unit_amount,
        prices.tiers_mode,
        prices.tiers,
        prices.divide_by,
        prices.rounds_up
    from based
    left join prices on based.price_id = prices.price_id
),

priced as (
    select
        usage_month,
        tenant_id,
        meter,
        cause,
        quantity,
        currency,
        case
            when not is_last then
                round(fridge.cost_of(begins_at + quantity, unit_amount, tiers_mode, tiers, divide_by, rounds_up))
                - round(fridge.cost_of(begins_at, unit_amount, tiers_mode, tiers, divide_by, rounds_up))
        end as amount
    from stepped
),

final as (
    select
        priced.usage_month,
        priced.tenant_id,
        tenants.tenant_name,
        priced.meter,
        priced.cause,
        case when priced.amount is not null then priced.currency end as currency,
        sum(priced.quantity) as quantity,
        sum(priced.amount)::bigint as amount_minor_units
    from priced
    left join tenants on priced.tenant_id = tenants.tenant_id
    group by
        priced.usage_month,
        priced.tenant_id,
        tenants.tenant_name,
        priced.meter,
        priced.cause,
        case when priced.amount is not null then priced.currency end
)

select * from final
