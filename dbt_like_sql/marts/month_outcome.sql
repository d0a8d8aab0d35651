-- materialized: view
-- Of each month its own hours and no others: whoever reads one month waits for one.
with usage as not materialized (
    select * from fridge.stg_usage
),

statements as not materialized (
    select * from fridge.stg_statements
),

tie_out as (
    select * from fridge.tie_out
),

causes as (
    select * from fridge.stg_causes
),

bounds as (
    select
        least((select min(usage.hour) from usage), (select min(statements.hour) from statements)) as first_hour,
        greatest((select max(usage.hour) from usage), (select max(statements.hour) from statements)) as last_hour
),

beginnings as (
    select
        generate_series(
            date_trunc('month', first_hour at time zone 'UTC'), last_hour at time zone 'UTC', interval '1 month'
        ) as begins
    from bounds
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
        of_month.*
    from months
    cross join
        lateral (
            select
                tie_out.meter,
                tie_out.hour,
                tie_out.cause_in_ledger,
                tie_out.cause_in_stripe,
                tie_out.usage_quantity is not null as has_usage,
                coalesce(tie_out.stated_quantity, 0) as stated,
                -- What Stripe shows of somebody else's statements is no part of our usage.
                case
                    when coalesce(tie_out.cause_in_ledger <> 'not_billed', true) then tie_out.stripe_quantity
                end as counted,
                tie_out.invoiced_by_hand_quantity as invoiced,
                tie_out.credited_quantity as credited,
                tie_out.written_off_quantity as written_off,
                -tie_out.difference_in_ledger
                - coalesce(tie_out.invoiced_by_hand_quantity, 0)
                - coalesce(tie_out.credited_quantity, 0)
                - coalesce(tie_out.written_off_quantity, 0) as owed
            from tie_out
            where tie_out.hour >= months.starts_at and tie_out.hour < months.ends_at
        ) as of_month
),

-- What Stripe has, what people have settled otherwise, and the rest with its cause: together the usage.
hour_parts as (
    select
        hours.usage_month,
        hours.meter,
        hours.hour,
        parts.cause,
        parts.quantity
    from hours
    cross join
        lateral (
            values
            (case when hours.has_usage or hours.counted <> 0 then 'counted_by_stripe' end, hours.counted),
            (
                case
                    when hours.counted is null and (hours.has_usage or hours.stated <> 0) then 'accepted_by_stripe'
                end,
                hours.stated
            ),
            (hours.cause_in_stripe, hours.stated - hours.counted),
            ('invoiced_by_hand', hours.invoiced),
            ('credited', hours.credited),
            ('written_off', hours.written_off),
            (hours.cause_in_ledger, hours.owed)
        ) as parts (cause, quantity)
    where parts.cause is not null and parts.quantity is not null
),

judged as (
    select
        hour_parts.usage_month,
        hour_parts.meter,
        case
            when hour_parts.cause in ('counted_by_stripe', 'accepted_by_stripe') then 'billed'
            -- Usage that ran out of time is lost, whatever it has been waiting for.
            when
                causes.outcome = 'recoverable'
                and causes.expires
                and hour_parts.quantity > 0
                and hour_parts.hour + interval '35 days' <= now()
                then 'lost'
            else causes.outcome
        end as outcome,
        hour_parts.cause,
        hour_parts.quantity
    from hour_parts
    left join causes on hour_parts.cause = causes.cause
),

summed as (
    select
        usage_month,
        meter,
        outcome,
        cause,
        sum(quantity) as quantity
    from judged
    group by usage_month, meter, outcome, cause
),

final as (
    select
        usage_month,
        meter,
        outcome,
        cause,
        quantity,
        round(
            100 * quantity / nullif(sum(quantity) over (partition by usage_month, meter), 0), 1
        ) as percent
    from summed
)

select * from final
