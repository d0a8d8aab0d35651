-- materialized: view
with tie_out as (
    select * from fridge.tie_out
),

causes as (
    select * from fridge.stg_causes
),

hours as (
    select
        meter,
        hour,
        cause_in_ledger,
        cause_in_stripe,
        usage_quantity is not null as has_usage,
        coalesce(stated_quantity, 0) as stated,
        -- What Stripe shows of somebody else's statements is no part of our usage.
        case when coalesce(cause_in_ledger <> 'not_billed', true) then stripe_quantity end as counted,
        invoiced_by_hand_quantity as invoiced,
        credited_quantity as credited,
        written_off_quantity as written_off,
        -difference_in_ledger
        - coalesce(invoiced_by_hand_quantity, 0)
        - coalesce(credited_quantity, 0)
        - coalesce(written_off_quantity, 0) as owed
    from tie_out
),

-- What Stripe has, what people have settled otherwise, and the rest with its cause: together the usage.
hour_parts as (
    select
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
        hour_parts.meter,
        hour_parts.hour,
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
        hour_parts.quantity,
        case
            when hour_parts.cause in ('in_flight', 'not_due_yet') then '-infinity'
            when
                causes.outcome = 'recoverable' and hour_parts.hour + interval '35 days' > now()
                then hour_parts.hour + interval '35 days'
            else 'infinity'
        end as holds_until
    from hour_parts
    left join causes on hour_parts.cause = causes.cause
),

final as (
    select
        hour,
        meter,
        outcome,
        cause,
        sum(quantity) as quantity,
        min(holds_until) as holds_until
    from judged
    group by hour, meter, outcome, cause
)

select * from final
