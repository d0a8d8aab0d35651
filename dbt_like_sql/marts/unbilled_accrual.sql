-- materialized: view
-- Of each month its own days and no others: whoever reads one month waits for one. What Stripe has accepted is added up
-- by day where one billing period holds the whole day, and by the hour where it does not.
with tenants as not materialized (
    select * from fridge.stg_tenants
),

comparisons as not materialized (
    select * from fridge.stg_invoice_comparisons
),

made_good as (
    select * from fridge.stg_made_good
),

exceptions as (
    select * from fridge.stg_exceptions
),

invoices as (
    select * from fridge.stg_invoices
),

invoice_lines as (
    select * from fridge.stg_invoice_lines
),

prices as (
    select
        stg_prices.*,
        stg_meters.is_last
    from fridge.stg_prices
    inner join fridge.stg_meters on stg_prices.meter = stg_meters.meter
),

-- Names of one measure: what was stated under both is billed under one, and where none bills it it is the new one's.
names as materialized (
    select
        own.meter,
        other.meter as other_meter,
        own.formula is null and other.formula is not null as is_left
    from fridge.stg_meters as own
    inner join fridge.stg_meters as other on own.measure = other.measure and own.meter <> other.meter
),

months as (
    select
        begins::date as usage_month,
        begins::date as first_day,
        (begins + interval '1 month')::date as next_day,
        begins at time zone 'UTC' as starts_at,
        (begins + interval '1 month') at time zone 'UTC' as ends_at
    from (
        select
            generate_series(
                date_trunc('month', min(usage_date)::timestamp), max(usage_date)::timestamp, interval '1 month'
            ) as begins
        from fridge.stg_days
    ) as beginnings
),

-- Of each month what Stripe has accepted, without a cause, and what is owed, with it; and what bills it. What an
-- invoice has is settled, whatever else bills the same time. Where several subscriptions are still to bill it, nobody
-- knows at which price and tiers it is owed once.
placed as (
    select
        months.usage_month,
        of_month.*
    from months
    cross join
        lateral ( -- noqa: ST05
            with billed_times as materialized (
                select times.*
                from fridge.stg_billed_times as times
                where times.period_start < months.ends_at and times.period_end > months.starts_at
            ),

            -- A meter event is stamped at half past, so the first hour of a period is the one whose half past is not
            -- before it.
            edges as (
                select
                    tenants.tenant_id,
                    billed_times.meter,
                    unnest(array[billed_times.period_start, billed_times.period_end]) as edge
                from billed_times
                inner join tenants on billed_times.stripe_customer_id = tenants.stripe_customer_id -- noqa: ST09

                union all

                select
                    comparisons.tenant_id,
                    comparisons.event_name as meter,
                    unnest(array[comparisons.period_start, comparisons.period_end]) as edge
                from comparisons
                where
                    comparisons.period_start < months.ends_at
                    and comparisons.period_end > months.starts_at
            ),

            first_hours as (
                select
                    tenant_id,
                    meter,
                    date_trunc('hour', edge + interval '30 minutes' - interval '1 microsecond', 'UTC') as hour
                from edges
                where tenant_id is not null
            ),

            -- Of tenants that have had several customers the days that were stated to another one than it is now.
            moved_days as (
                select
                    moved.tenant_id,
                    meters.meter,
                    stated.usage_date
                from (
                    select tenant_id
                    from fridge.stg_tenant_changes
                    group by tenant_id
                    having count(distinct stripe_customer_id) > 1
                ) as moved
                left join tenants on moved.tenant_id = tenants.tenant_id
                cross join fridge.stg_meters as meters
                cross join
                    lateral (
                        select distinct (statements.hour at time zone 'UTC')::date as usage_date
                        from fridge.stg_statements as statements
                        where
                            statements.tenant_id = moved.tenant_id
                            and statements.meter = meters.meter
                            and statements.hour >= months.starts_at
                            and statements.hour < months.ends_at
                            and statements.is_counted_by_stripe
                            and statements.stripe_customer_id is distinct from tenants.stripe_customer_id
                    ) as stated
            ),

            -- Days of which one period or customer has some hours and another one, or none, the others.
            parted_days as materialized (
                select
                    tenant_id,
                    meter,
                    (hour at time zone 'UTC')::date as usage_date
                from first_hours
                where hour <> date_trunc('day', hour, 'UTC')
                union
                select
                    tenant_id,
                    meter,
                    usage_date
                from moved_days
                union
                select
                    of_left.tenant_id,
                    of_left.meter,
                    of_left.usage_date
                from names
                inner join fridge.tenant_days as of_left on names.meter = of_left.meter
                inner join fridge.tenant_days as of_other
                    on
                        names.other_meter = of_other.meter
                        and of_left.tenant_id = of_other.tenant_id
                        and of_left.usage_date = of_other.usage_date
                where
                    names.is_left
                    and of_left.usage_date >= months.first_day
                    and of_left.usage_date < months.next_day
                    and of_left.stated_quantity <> 0
                    and of_other.stated_quantity <> 0
            ),

            pieces as (
                select
                    tenant_days.tenant_id,
                    tenant_days.meter,
                    tenant_days.usage_date::timestamp at time zone 'UTC' as hour,
                    null::text as stated_to,
                    null::text as cause,
                    tenant_days.stated_quantity as quantity
                from fridge.tenant_days
                where
                    tenant_days.usage_date >= months.first_day
                    and tenant_days.usage_date < months.next_day
                    and tenant_days.stated_quantity <> 0
                    and (tenant_days.tenant_id, tenant_days.meter, tenant_days.usage_date) not in (
                        select
                            parted_days.tenant_id,
                            parted_days.meter,
                            parted_days.usage_date
                        from parted_days
                    )

                union all

                select
                    statements.tenant_id,
                    statements.meter,
                    statements.hour,
                    statements.stripe_customer_id as stated_to,
                    null as cause,
                    sum(statements.quantity) as quantity
                from parted_days
                inner join fridge.stg_statements as statements
                    on
                        parted_days.tenant_id = statements.tenant_id
                        and parted_days.meter = statements.meter
                        and statements.hour >= parted_days.usage_date::timestamp at time zone 'UTC'
                        and statements.hour < (parted_days.usage_date + 1)::timestamp at time zone 'UTC'
                where
                    parted_days.usage_date >= months.first_day
                    and parted_days.usage_date < months.next_day
                    and statements.hour >= months.starts_at
                    and statements.hour < months.ends_at
                    and statements.is_counted_by_stripe
                group by statements.tenant_id, statements.meter, statements.hour, statements.stripe_customer_id

                union all

                select
                    owed_now.tenant_id,
                    owed_now.meter,
                    owed_now.hour,
                    null as stated_to,
                    owed_now.cause,
                    owed_now.quantity
                from fridge.owed_now
                where owed_now.hour >= months.starts_at and owed_now.hour < months.ends_at
            )

            select distinct on (pieces.tenant_id, pieces.meter, pieces.hour, pieces.cause, pieces.stated_to)
                pieces.*,
                coalesce(pieces.stated_to, tenants.stripe_customer_id) as stripe_customer_id,
                billed_times.period_start,
                billed_times.period_end,
                billed_times.state,
                case
                    when
                        count(*) filter (where billed_times.state <> 'final') over (
                            partition by pieces.tenant_id, pieces.meter, pieces.hour, pieces.cause, pieces.stated_to
                        ) <= 1
                        then billed_times.price_id
                end as price_id
            from pieces
            left join tenants on pieces.tenant_id = tenants.tenant_id
            left join billed_times
                on
                    coalesce(pieces.stated_to, tenants.stripe_customer_id) = billed_times.stripe_customer_id
                    and pieces.meter = billed_times.meter
                    and pieces.hour + interval '30 minutes' >= billed_times.period_start
                    and pieces.hour + interval '30 minutes' < billed_times.period_end
            order by
                pieces.tenant_id asc,
                pieces.meter asc,
                pieces.hour asc,
                pieces.cause asc,
                pieces.stated_to asc,
                billed_times.state = 'final' desc nulls last,
                billed_times.state = 'draft' desc nulls last,
                billed_times.period_start desc
        ) as of_month
),

-- What Stripe has accepted and no final invoice bills, and what it has not accepted. What is a person's to correct
-- stands below, as far as it is not corrected.
hour_parts as (
    select
        placed.usage_month,
        placed.tenant_id,
        placed.meter,
        placed.stripe_customer_id,
        placed.period_start,
        placed.period_end,
        placed.price_id,
        coalesce(
            placed.cause,
            case placed.state
                when 'draft' then 'in_draft'
                when 'open' then 'open_period'
                when 'trial' then 'free_trial'
            end,
            on_none.cause,
            'no_period_known'
        ) as cause,
        placed.quantity
    from placed
    left join
        lateral (
            select
                min(comparisons.cause) as cause,
                bool_or(comparisons.needs_correction) as needs_correction
            from comparisons
            where
                placed.state is null
                and comparisons.stripe_customer_id = placed.stripe_customer_id
                and comparisons.event_name = placed.meter
                and comparisons.period_start <= placed.hour + interval '30 minutes'
                and comparisons.period_end > placed.hour + interval '30 minutes'
        ) as on_none
        on true
    where
        placed.cause is not null
        or placed.state <> 'final'
        or (
            placed.state is null
            and not coalesce(on_none.needs_correction, false)
            and (
                placed.meter not in (select names.meter from names)
                or not exists (
                    select 1
                    from names
                    inner join fridge.stg_billed_times as times on names.other_meter = times.meter
                    where
                        names.meter = placed.meter
                        and times.stripe_customer_id = placed.stripe_customer_id
                        and times.period_start <= placed.hour + interval '30 minutes'
                        and times.period_end > placed.hour + interval '30 minutes'
                )
                and not exists (
                    select 1
                    from names
                    inner join fridge.stg_statements as statements on names.other_meter = statements.meter
                    where
                        names.is_left
                        and names.meter = placed.meter
                        and statements.tenant_id = placed.tenant_id
                        and statements.hour = placed.hour
                        and statements.stripe_customer_id = placed.stripe_customer_id
                        and statements.is_counted_by_stripe
                        and statements.quantity <> 0
                )
            )
        )
),

-- What a final invoice does not bill of what Stripe has accepted, or none does, where nobody has ended it.
invoice_parts as (
    select
        date_trunc('month', (comparisons.period_end - interval '1 second') at time zone 'UTC')::date as usage_month,
        comparisons.tenant_id,
        comparisons.event_name as meter,
        comparisons.stripe_customer_id,
        comparisons.period_start,
        comparisons.period_end,
        case when comparisons.amount is not null then comparisons.price_id end as price_id,
        comparisons.cause,
        -- What was written off is missing no more, and is not given back either.
        made_good.missing - least(greatest(made_good.missing, 0), made_good.written_off) as quantity
    from comparisons
    left join
        lateral (
            select
                comparisons.accepted_quantity
                - comparisons.invoice_quantity
                - coalesce(sum(made_good.quantity) filter (where not made_good.is_written_off), 0) as missing,
                coalesce(sum(made_good.quantity) filter (where made_good.is_written_off), 0) as written_off
            from made_good
            where
                made_good.invoice_id is not distinct from comparisons.invoice_id
                and made_good.stripe_customer_id = comparisons.stripe_customer_id
                and made_good.meter = comparisons.event_name
                and made_good.period_start = comparisons.period_start
        ) as made_good
        on true
    where
        coalesce(comparisons.status <> 'draft', true)
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
                        and exceptions.hour = date_trunc('hour', comparisons.period_start, 'UTC')
                )
            )
        )
),

-- Of a free trial nothing is owed, and what the next invoice has as well is billed.
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
    where cause not in ('free_trial', 'billed_with_next')
    group by usage_month, tenant_id, meter, stripe_customer_id, period_start, period_end, price_id, cause

    union all

    select * from invoice_parts
    where quantity <> 0
),

-- From which quantity of its billing period on the tiers are asked: what is billed, and what was used before the month.
-- What that has cost the invoices say themselves, where they have nothing but a first tier's flat amount, or packages.
based as (
    select
        parts.*,
        coalesce(
            billed.quantity,
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
        ) + coalesce(done.quantity, 0) as base,
        prices.currency,
        prices.is_last,
        prices.unit_amount,
        prices.tiers_mode,
        prices.tiers,
        prices.divide_by,
        prices.rounds_up,
        case
            when billed.quantity = 0 or (billed.quantity is not null and prices.divide_by is not null) then (
                select sum(invoice_lines.amount)
                from invoice_lines
                inner join invoices on invoice_lines.invoice_id = invoices.invoice_id
                where
                    invoices.status in ('open', 'paid', 'uncollectible')
                    and invoices.stripe_customer_id = parts.stripe_customer_id
                    and invoice_lines.meter = parts.meter
                    and invoice_lines.period_start >= parts.period_start
                    and invoice_lines.period_end <= parts.period_end
            ) + case when done.quantity is null then 0 else done.amount end
        end as charged
    from parts
    left join prices on parts.price_id = prices.price_id
    left join
        lateral (
            select sum(comparisons.invoice_quantity) as quantity
            from comparisons
            where
                comparisons.status in ('open', 'paid', 'uncollectible')
                and comparisons.stripe_customer_id = parts.stripe_customer_id
                and comparisons.event_name = parts.meter
                and comparisons.period_start <= parts.period_start
                and comparisons.period_end >= parts.period_end
        ) as billed
        on true
    left join
        lateral (
            select
                sum(made_good.quantity) as quantity,
                sum(made_good.amount) as amount
            from made_good
            where
                made_good.stripe_customer_id = parts.stripe_customer_id
                and made_good.meter = parts.meter
                and made_good.period_start = parts.period_start
                and (parts.quantity > 0 or not made_good.is_written_off)
        ) as done
        on true
),

-- One cause after another, what Stripe has accepted first, so that together they cost what they cost at once.
stepped as (
    select
        based.*,
        based.base + coalesce(
            sum(based.quantity) over (of_period rows between unbounded preceding and 1 preceding), 0
        ) as begins_at,
        case when row_number() over of_period = 1 then based.charged end as charged_before
    from based
    window
        of_period as (
            partition by
                based.usage_month,
                based.tenant_id,
                based.meter,
                based.stripe_customer_id,
                based.period_start
            order by based.cause not in ('open_period', 'in_draft'), based.cause
        )
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
                - coalesce(
                    charged_before,
                    round(fridge.cost_of(begins_at, unit_amount, tiers_mode, tiers, divide_by, rounds_up))
                )
        end as amount
    from stepped
)

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
